#pragma once
// Every record of the cluster in memory, as a tree by label from the right: the store's directories are its inner
// nodes. Changed by the feed's events and asked by the answerer, both on the loop's thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/service.h"
#include "kv/client/client.h"

namespace discovery {

// A record in its place.
struct Entry {
  Service service;
  Name name;              // the key as a name: "1.web.skydns.local"
  std::uint32_t ttl = 0;  // seconds: the shorter of the record's own and its lease's; 0: neither has one
};

class Zone {
 public:
  // `prefix`: the first part of every key, "skydns".
  explicit Zone(std::string prefix);
  ~Zone();
  Zone(Zone&&) noexcept;
  Zone& operator=(Zone&&) noexcept;

  // A leaf or a directory as the store has it. A leaf that is no valid record is left out (and replaces a valid one),
  // and the reason is returned.
  std::optional<std::string> set(const kv::Node& node);
  // The key with all below it. Directories above stay, as in the store.
  void remove(std::string_view key);

  struct Found {
    bool exists = false;                // the name, or for wildcards the part right of them, is in the zone
    std::vector<const Entry*> entries;  // every record at or below the name, in key order; valid until the next change
    bool cut = false;                   // there were more than kMaxEntries
  };
  // `name` in lower case; a label "*" or "any" stands for any one label.
  Found find(const Name& name) const;

  std::size_t size() const { return size_; }

  // More than any answer of 64 KiB can hold, so a bound on the work of one query.
  static constexpr std::size_t kMaxEntries = 4096;

 private:
  struct Node;
  Node* make_path(const Name& name);
  static std::size_t count(const Node& node);
  static void collect(const Node& node, const Name& name, std::size_t next, Found& found);

  std::string prefix_;
  std::unique_ptr<Node> root_;
  std::size_t size_ = 0;  // records
};

// SkyDNS's rule: the group of the records with the shortest names counts, records of other groups are left out, those
// without a group stay. Two groups at that depth: no grouping at all.
std::vector<const Entry*> of_one_group(std::vector<const Entry*> entries);

// Without repetitions of (host, port, priority, weight, text).
std::vector<const Entry*> without_duplicates(std::vector<const Entry*> entries);

}  // namespace discovery
