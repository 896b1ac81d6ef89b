#include "runtime/extended_attributes.h"

#include <archive.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "runtime/layer_tree.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

constexpr const char* kCapability = "security.capability";

void require_within_bounds(std::size_t count, std::size_t bytes, std::string_view operation, std::string_view what) {
  if (count <= kMaxXattrs && bytes <= kMaxXattrBytes) return;
  throw base::Error(operation, what,
                    std::format("more than {} extended attributes, or one over {} bytes", kMaxXattrs, kMaxXattrBytes));
}

// What this file system does not have, or has less room for. (ext4 says ENOSPC for what does not fit into its block; a
// disk that is full says it again at the next write.)
bool is_refusal(int error) {
  return error == EOPNOTSUPP || error == EPERM || error == ENOSPC || error == E2BIG || error == ERANGE ||
         error == EINVAL;
}

}  // namespace

ExtendedAttributes read_attributes(const base::Fd& node, const std::string& what) {
  ExtendedAttributes attributes;
  const std::string path = proc_path(node);
  std::string names(XATTR_LIST_MAX, '\0');
  ssize_t length = listxattr(path.c_str(), names.data(), names.size());
  if (length <= 0) return attributes;
  names.resize(static_cast<std::size_t>(length));
  for (const std::string& name : base::split(names, '\0')) {
    if (name.empty() || !keeps_xattr(name)) continue;
    std::string value(kMaxXattrBytes, '\0');
    ssize_t size = getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    value.resize(static_cast<std::size_t>(size));
    attributes.emplace_back(name, std::move(value));
    require_within_bounds(attributes.size(), 0, "copy", what);
  }
  return attributes;
}

ExtendedAttributes attributes_of_entry(archive_entry* entry, std::string_view operation, std::string_view what) {
  ExtendedAttributes attributes;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t seen = 1; archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK; seen++) {
    require_within_bounds(seen, size, operation, what);
    if (name == nullptr || !keeps_xattr(name)) continue;
    attributes.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return attributes;
}

void add_to_entry(archive_entry* entry, const ExtendedAttributes& attributes) {
  for (const auto& [name, value] : attributes) {
    archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
  }
}

std::vector<std::string> write_attributes(const base::Fd& node, const ExtendedAttributes& attributes,
                                          bool with_capabilities, const std::string& what) {
  std::vector<std::string> refused;
  const std::string path = proc_path(node);
  for (const auto& [name, value] : attributes) {
    if (name == kCapability && !with_capabilities) continue;
    if (setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (!is_refusal(errno)) base::throw_errno("set " + name + " of", what);
    refused.push_back(name);
  }
  return refused;
}

}  // namespace runtime
