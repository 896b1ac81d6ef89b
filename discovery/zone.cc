#include "discovery/zone.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/text.h"

namespace discovery {

struct Zone::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::unique_ptr<Entry> entry;
};

namespace {

bool is_wildcard(std::string_view label) {
  return label == "*" || label == "any";
}

// The shorter of both, zeros ignored.
std::uint32_t shorter(std::uint32_t a, std::uint32_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

Zone::Zone(std::string prefix) : prefix_(std::move(prefix)), root_(std::make_unique<Node>()) {}
Zone::~Zone() = default;
Zone::Zone(Zone&&) noexcept = default;
Zone& Zone::operator=(Zone&&) noexcept = default;

Zone::Node* Zone::make_path(const Name& name) {
  Node* node = root_.get();
  for (auto label = name.rbegin(); label != name.rend(); ++label) {
    std::unique_ptr<Node>& child = node->children[*label];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  return node;
}

std::size_t Zone::count(const Node& node) {
  std::size_t entries = node.entry ? 1 : 0;
  for (const auto& [label, child] : node.children) entries += count(*child);
  return entries;
}

std::optional<std::string> Zone::set(const kv::Node& from) {
  const auto name = name_of(from.key, prefix_);
  if (!name) {
    // The prefix itself is a directory of no name.
    return from.directory ? std::nullopt : std::optional("key " + from.key + " is no domain name");
  }
  Node* node = make_path(*name);
  if (node->entry) --size_;
  node->entry.reset();
  if (from.directory) return {};
  try {
    auto entry = std::make_unique<Entry>();
    entry->service = parse_service(from.value, from.key);
    entry->name = *name;
    const auto lease =
        from.ttl ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(from.ttl->count(), 0, INT32_MAX)) : 0;
    entry->ttl = shorter(entry->service.ttl, lease);
    node->entry = std::move(entry);
    ++size_;
    return {};
  } catch (const base::Error& error) {
    return error.what();
  }
}

void Zone::remove(std::string_view key) {
  const auto name = name_of(key, prefix_);
  if (!name) {
    if (key == "/" + prefix_ || ("/" + prefix_).starts_with(std::string(key) + "/")) *this = Zone(prefix_);
    return;
  }
  Node* parent = root_.get();
  for (std::size_t i = name->size(); i-- > 1;) {
    const auto child = parent->children.find((*name)[i]);
    if (child == parent->children.end()) return;
    parent = child->second.get();
  }
  const auto child = parent->children.find(name->front());
  if (child == parent->children.end()) return;
  size_ -= count(*child->second);
  parent->children.erase(child);
}

// `next` labels of the name are still to be matched, from the right.
void Zone::collect(const Node& node, const Name& name, std::size_t next, Found& found) {
  if (found.cut) return;
  if (next == 0) {
    if (node.entry) {
      if (found.entries.size() == kMaxEntries) {
        found.cut = true;
        return;
      }
      found.entries.push_back(node.entry.get());
    }
    for (const auto& [label, child] : node.children) collect(*child, name, 0, found);
    return;
  }
  const std::string& label = name[next - 1];
  if (is_wildcard(label)) {
    for (const auto& [other, child] : node.children) collect(*child, name, next - 1, found);
  } else if (const auto child = node.children.find(label); child != node.children.end()) {
    collect(*child->second, name, next - 1, found);
  }
}

Zone::Found Zone::find(const Name& name) const {
  Found found;
  const Node* node = root_.get();
  std::size_t next = name.size();
  for (; next > 0 && !is_wildcard(name[next - 1]); --next) {
    const auto child = node->children.find(name[next - 1]);
    if (child == node->children.end()) return found;
    node = child->second.get();
  }
  found.exists = true;
  collect(*node, name, next, found);
  return found;
}

std::vector<const Entry*> of_one_group(std::vector<const Entry*> entries) {
  std::size_t depth = SIZE_MAX;
  for (const Entry* entry : entries) depth = std::min(depth, entry->name.size());
  std::set<std::string> groups;
  for (const Entry* entry : entries) {
    if (entry->name.size() == depth && !entry->service.group.empty()) groups.insert(entry->service.group);
  }
  if (groups.size() != 1) return entries;
  std::erase_if(entries, [&](const Entry* entry) {
    return !entry->service.group.empty() && entry->service.group != *groups.begin();
  });
  return entries;
}

std::vector<const Entry*> without_duplicates(std::vector<const Entry*> entries) {
  using Identity = std::tuple<std::string_view, std::uint16_t, std::uint16_t, std::uint16_t, std::string_view>;
  std::set<Identity> seen;
  std::erase_if(entries, [&](const Entry* entry) {
    const Service& s = entry->service;
    return !seen.insert({s.host_text, s.port, s.priority, s.weight, s.text}).second;
  });
  return entries;
}

}  // namespace discovery
