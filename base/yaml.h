#pragma once
// YAML 1.1 as configuration files use it: text in, a tree with positions out. Pure, any thread.
//
// Bounds (all errors with a position): kMaxYamlDepth levels, kMaxYamlNodes nodes and kMaxYamlText bytes of scalars,
// both counted after aliases are expanded, so that an "alias bomb" ends early. Error texts are libyaml's, which are
// go-yaml's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// Where something stands in the text; both count from 1. {0, 0}: nowhere.
struct YamlMark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct YamlNode {
  enum class Kind { kScalar, kSequence, kMapping };
  struct Key {
    std::string text;
    YamlMark mark;
  };

  Kind kind = Kind::kScalar;
  YamlMark mark;
  std::string text;             // of a scalar
  bool plain = false;           // a scalar without quotes, which YAML 1.1 may take for a number, a boolean or null
  std::vector<Key> keys;        // of a mapping, in the text's order, parallel to `items`
  std::vector<YamlNode> items;  // of a sequence or a mapping

  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_mapping() const { return kind == Kind::kMapping; }
  bool is_null() const;                    // "", "~", "null" unquoted
  std::optional<bool> as_boolean() const;  // y/n, yes/no, true/false, on/off unquoted
};

struct YamlProblem {
  YamlMark mark;
  std::string message;
};

// With a problem, `root` is what stood before it: what was complete is as in the text, open containers end early.
// Without one, an empty text has no root.
struct YamlResult {
  std::optional<YamlNode> root;
  std::optional<YamlProblem> problem;
};

inline constexpr std::size_t kMaxYamlDepth = 32;
inline constexpr std::size_t kMaxYamlNodes = 50000;
inline constexpr std::size_t kMaxYamlText = 16 * 1024 * 1024;

// The first document of `text`; more documents are a problem.
YamlResult parse_yaml(std::string_view text);

}  // namespace base
