#pragma once
// confd's templates: the part of Go's text/template that docs/confd.md lists. A template is parsed once and refused
// there for everything outside of that part, by name with file and line; rendering reads keys and has no other effect.
// Pure; a parsed template may be rendered from any thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "discovery/confd/keys.h"
#include "discovery/confd/value.h"

namespace discovery::confd {

struct Block;  // template_tree.h

// Bounds of parsing and of rendering. Reaching one is a base::Error.
inline constexpr std::size_t kMaxTemplateBytes = 1024 * 1024;
inline constexpr std::size_t kMaxDepth = 64;  // of blocks, and of parentheses
inline constexpr std::size_t kMaxOutputBytes = 16 * 1024 * 1024;
inline constexpr std::size_t kMaxSteps = 2'000'000;               // nodes and function calls
inline constexpr std::size_t kMaxMadeBytes = 256 * 1024 * 1024;   // of values that functions make, in all
inline constexpr std::size_t kMaxReadBytes = 1024 * 1024 * 1024;  // of values that are read, in all

// What a template can see beside its text.
struct Scope {
  const Keys& keys;
  std::function<std::optional<std::string>(const std::string&)> environment = {};  // of getenv; empty: nothing is set
  Value root = {};                                                                 // "." and "$" at the top
};

class Template {
 public:
  // `name` is for messages: "render NAME:LINE: …". Throws base::Error.
  Template(std::string_view text, std::string name);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // Throws base::Error for what Go's Execute fails on: a key that is not there, a wrong type, an index out of range.
  std::string render(const Scope& scope) const;

 private:
  std::string name_;
  std::unique_ptr<Block> root_;
};

}  // namespace discovery::confd
