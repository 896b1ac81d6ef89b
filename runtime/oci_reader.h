#pragma once
// Reading a JSON object member by member, so that what nobody asked for is found.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace runtime {

// An Error about this member of config.json.
[[noreturn]] void refuse(const std::string& path, const std::string& reason);

class ObjectReader {
 public:
  // `path` for messages: "linux.resources". Throws base::Error when `json` is no object.
  ObjectReader(const base::Json& json, std::string path);

  // A member, or null. Asking for it marks it as understood.
  const base::Json* member(const std::string& name);
  std::string text(const std::string& name, const std::string& fallback = "");
  bool boolean(const std::string& name, bool fallback = false);
  std::optional<std::int64_t> integer(const std::string& name, std::int64_t low, std::int64_t high);
  std::vector<std::string> texts(const std::string& name);
  // The elements of a list of objects.
  std::vector<ObjectReader> objects(const std::string& name);
  // An object; an empty one when it is not there.
  ObjectReader object(const std::string& name);

  // Members whose absence, null, false, 0, "" and empty list or object all mean "nothing": fine when they say that,
  // an Error otherwise.
  void must_be_empty(const std::string& name);

  // Throws for the first member that nobody asked for and that says something.
  void done();

  std::string path_of(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

 private:
  const base::Json* json_;
  std::string path_;
  std::set<std::string> seen_;
};

}  // namespace runtime
