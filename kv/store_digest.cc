// The checksum by which members compare their states.

#include "kv/store.h"

namespace kv {

namespace {

// FNV-1a, 64 bits.
struct Digest {
  std::uint64_t value = 0xcbf29ce484222325;

  void add(std::string_view bytes) {
    for (char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) value = (value ^ (number >> shift & 0xff)) * 0x100000001b3;
  }
  void add(const TreeNode& node) {
    add(node.name);
    add(node.value);
    add(node.created_index);
    add(node.modified_index);
    add(static_cast<std::uint64_t>(node.expires_at));
    if (!node.directory()) return;
    add(node.children->size());
    for (const auto& [name, child] : *node.children) add(*child);
  }
};

}  // namespace

std::uint64_t Store::digest() const {
  Digest digest;
  digest.add(position_.revision);
  digest.add(position_.applied_index);
  digest.add(position_.applied_term);
  digest.add(tree_.root());
  return digest.value;
}

}  // namespace kv
