#pragma once
// The parsed form of a template, between template_parser.cc and template_render.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/confd/value.h"

namespace discovery::confd {

struct Pipeline;

// `.`, `.A.B`, `$x.A`, "text", 3, true, nil, a function's name, or a pipeline in parentheses.
struct Operand {
  enum class Kind { kDot, kVariable, kConstant, kFunction, kPipeline };
  Kind kind = Kind::kDot;
  std::string name;  // of the variable ("$x") or the function
  Value constant;
  std::shared_ptr<Pipeline> inner;  // of kPipeline
  std::vector<std::string> fields;  // taken of it, in order
};

// A value, or a function with its arguments.
struct Call {
  std::vector<Operand> operands;  // at least one
  unsigned line = 0;
};

struct Pipeline {
  std::vector<std::string> variables;  // "$x" of `$x :=`, or both of a range
  bool assigns = false;                // `=` instead of `:=`
  std::vector<Call> calls;             // at least one
  unsigned line = 0;
};

struct Node;
struct Block {
  std::vector<Node> nodes;
};

struct Node {
  enum class Kind { kText, kAction, kIf, kRange, kWith };
  Kind kind = Kind::kText;
  std::string text;
  Pipeline pipeline;
  Block body;
  Block otherwise;  // after else; an `else if` is an if in there
  unsigned line = 0;
};

// Throws base::Error("parse", "NAME:LINE", …). Functions are known by name and number of arguments when this returns.
Block parse_template(std::string_view text, std::string_view name);

}  // namespace discovery::confd
