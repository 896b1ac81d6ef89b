#pragma once
// The keys that a template sees, and confd's functions on them (memkv). Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/confd/value.h"

namespace discovery::confd {

class Keys {
 public:
  // `key` is clean and has no prefix: "/nginx/domain".
  void set(std::string key, std::string value) { values_.insert_or_assign(std::move(key), std::move(value)); }
  std::size_t size() const { return values_.size(); }
  bool operator==(const Keys&) const = default;

  const std::string* get(std::string_view key) const;      // nullptr: there is none
  std::vector<Pair> gets(std::string_view pattern) const;  // Go's path.Match, sorted by key
  // Names directly below `directory`, sorted; a key that is a leaf itself gives its own last part.
  std::vector<std::string> ls(std::string_view directory) const;
  std::vector<std::string> lsdir(std::string_view directory) const;  // those that have keys below them

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace discovery::confd
