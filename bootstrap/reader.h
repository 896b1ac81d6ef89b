#pragma once
// Walks one mapping of a cloud-config: takes the keys that it knows, checks their types, and remarks on the rest.
// Messages are coreos-cloudinit's: `incorrect type for "units[0]" (want struct)`, `unrecognized key "x"`.

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "bootstrap/config.h"
#include "bootstrap/yaml.h"

namespace bootstrap {

class MapReader {
 public:
  // `name` is how messages call the node: "units[0]". A node that is no mapping is an error and reads as empty.
  // The node and the findings must outlive the reader.
  MapReader(const YamlNode& node, std::string name, Findings& findings);

  // The value of a key ('-' and '_' are the same in keys), or nullptr when it is absent or null. The last one counts
  // when a key stands twice. Every key that is asked for is known from then on.
  const YamlNode* find(std::string_view key);

  // Typed values; absent: the fallback. A wrong type is an error and reads as the fallback. Any scalar is a string.
  std::string string(std::string_view key, std::string_view fallback = "");
  bool boolean(std::string_view key, bool fallback = false);
  std::vector<std::string> strings(std::string_view key);
  // Calls `take` for each item of a list, with the name for messages: "units[0]".
  void each(std::string_view key, const std::function<void(const YamlNode&, std::string)>& take);

  Mark mark() const { return node_.mark; }
  Mark mark_of(std::string_view key);  // of the value, or of the mapping when the key is absent

  void error(Mark mark, std::string message);
  void warning(Mark mark, std::string message);

  // Known keys that are deliberately left alone: a warning that says so, with the reason.
  void ignore(std::initializer_list<std::string_view> keys, std::string_view reason);

  // Warns of every key that nobody asked for, with the nearest known one, and of doubled keys. Call it last.
  void finish();

 private:
  const YamlNode& node_;
  std::string name_;
  Findings& findings_;
  std::vector<std::string> known_;
};

// The text of a scalar, or an error `incorrect type for "NAME" (want string)` and "".
std::string read_string(const YamlNode& node, std::string_view name, Findings& findings);

// "a-b" and "a_b" are the same key.
std::string normal_key(std::string_view key);

}  // namespace bootstrap
