// Walks the tree as text/template's exec.go does. Everything that costs goes through the budget, so that a template
// with ranges in ranges ends, by an error, in bounded time and memory.

#include <format>

#include "base/error.h"
#include "discovery/confd/template.h"
#include "discovery/confd/template_functions.h"
#include "discovery/confd/template_tree.h"

namespace discovery::confd {
namespace {

constexpr std::size_t kKeyCost = 64;  // bytes that looking at one key counts as

class Renderer {
 public:
  Renderer(const std::string& name, const Scope& scope) : name_(name), scope_(scope) {
    variables_.emplace_back("$", scope.root);
  }

  std::string run(const Block& root) {
    block(root, scope_.root);
    return std::move(out_);
  }

 private:
  void block(const Block& nodes, const Value& dot) {
    const std::size_t known = variables_.size();
    for (const Node& node : nodes.nodes) {
      line_ = node.line;
      spend_step();
      switch (node.kind) {
        case Node::Kind::kText:
          write(node.text);
          break;
        case Node::Kind::kAction: {
          const Value value = pipeline(node.pipeline, dot);
          if (node.pipeline.variables.empty()) write(value.text());
          store(node.pipeline, value);
          break;
        }
        case Node::Kind::kIf:
        case Node::Kind::kWith:
          choose(node, dot);
          break;
        case Node::Kind::kRange:
          range(node, dot);
          break;
      }
    }
    variables_.resize(known);
  }

  void choose(const Node& node, const Value& dot) {
    const std::size_t known = variables_.size();
    const Value value = pipeline(node.pipeline, dot);
    store(node.pipeline, value);
    if (value.truth()) {
      block(node.body, node.kind == Node::Kind::kWith ? value : dot);
    } else {
      block(node.otherwise, dot);
    }
    variables_.resize(known);
  }

  void range(const Node& node, const Value& dot) {
    const Value value = pipeline(node.pipeline, dot);
    if (!value.is_nil() && value.list() == nullptr && value.map() == nullptr) {
      refuse(std::format("range can't iterate over {}", value.type()));
    }
    if (!value.truth()) return block(node.otherwise, dot);
    if (value.list() != nullptr) {
      std::int64_t index = 0;
      for (const Value& element : *value.list()) round(node, Value(index++), element);
    } else {
      for (const auto& [key, element] : *value.map()) round(node, Value(key), element);
    }
  }

  void round(const Node& node, const Value& index, const Value& element) {
    const std::size_t known = variables_.size();
    spend_step();
    const std::vector<std::string>& names = node.pipeline.variables;
    for (std::size_t i = 0; i < names.size(); ++i) {
      set(names[i], names.size() == 2 && i == 0 ? index : element, node.pipeline.assigns);
    }
    block(node.body, element);
    variables_.resize(known);
  }

  Value pipeline(const Pipeline& pipe, const Value& dot) {
    Value value;
    for (std::size_t i = 0; i < pipe.calls.size(); ++i) value = call(pipe.calls[i], dot, i > 0 ? &value : nullptr);
    return value;
  }

  Value call(const Call& call, const Value& dot, const Value* piped) {
    line_ = call.line;
    spend_step();
    const Operand& first = call.operands.front();
    if (first.kind != Operand::Kind::kFunction) return operand(first, dot);
    const Function& function = *find_function(first.name);
    if (function.run == nullptr) return logical(call, dot, piped, first.name == "or");
    Arguments arguments;
    for (std::size_t i = 1; i < call.operands.size(); ++i) arguments.push_back(operand(call.operands[i], dot));
    if (piped != nullptr) arguments.push_back(*piped);
    line_ = call.line;
    return apply(function, arguments);
  }

  // `and` and `or` stop at the first argument that decides, and are that argument.
  Value logical(const Call& call, const Value& dot, const Value* piped, bool wanted) {
    Value value;
    for (std::size_t i = 1; i < call.operands.size(); ++i) {
      value = operand(call.operands[i], dot);
      if (value.truth() == wanted) return value;
    }
    return piped != nullptr ? *piped : value;
  }

  Value apply(const Function& function, const Arguments& arguments) {
    Value value;
    if (function.scans) spend_read(scope_.keys.size() * kKeyCost);
    try {
      value = function.run(arguments, scope_);
    } catch (const base::Error& error) {
      refuse(std::format("{}: {}", function.name, error.what()));
    }
    std::size_t weight = value.weight();
    if (value.list() != nullptr) {
      for (const Value& element : *value.list()) weight += sizeof(Value) + element.weight();
    }
    made_ += weight;
    if (made_ > kMaxMadeBytes) refuse(std::format("it makes more than {} bytes of values", kMaxMadeBytes));
    return value;
  }

  Value operand(const Operand& operand, const Value& dot) {
    Value value;
    switch (operand.kind) {
      case Operand::Kind::kDot:
        value = dot;
        break;
      case Operand::Kind::kVariable:
        value = *find(operand.name);
        break;
      case Operand::Kind::kConstant:
        value = operand.constant;
        break;
      case Operand::Kind::kPipeline:
        value = pipeline(*operand.inner, dot);
        break;
      case Operand::Kind::kFunction:
        refuse("a function is no value");  // the parser lets none through
    }
    try {
      for (const std::string& name : operand.fields) value = Value(field_of(value, name));
    } catch (const base::Error& error) {
      refuse(error.what());
    }
    spend_read(value.weight());
    return value;
  }

  void store(const Pipeline& pipe, const Value& value) {
    for (const std::string& name : pipe.variables) set(name, value, pipe.assigns);
  }

  void set(const std::string& name, const Value& value, bool assigns) {
    if (assigns) {
      *find(name) = value;
    } else {
      variables_.emplace_back(name, value);
    }
  }

  // The innermost of the name. The parser has made sure that there is one.
  Value* find(const std::string& name) {
    for (auto at = variables_.rbegin(); at != variables_.rend(); ++at) {
      if (at->first == name) return &at->second;
    }
    refuse(std::format("undefined variable '{}'", name));
  }

  void write(std::string_view text) {
    if (text.size() > kMaxOutputBytes - out_.size())
      refuse(std::format("the file is longer than {} bytes", kMaxOutputBytes));
    out_ += text;
  }

  void spend_read(std::size_t bytes) {
    read_ += bytes;
    if (read_ > kMaxReadBytes) refuse(std::format("it reads more than {} bytes of values", kMaxReadBytes));
  }

  void spend_step() {
    if (++steps_ > kMaxSteps) refuse(std::format("it takes more than {} steps", kMaxSteps));
  }

  [[noreturn]] void refuse(std::string_view reason) const {
    throw base::Error("render", std::format("{}:{}", name_, line_), reason);
  }

  const std::string& name_;
  const Scope& scope_;
  std::vector<std::pair<std::string, Value>> variables_;
  std::string out_;
  std::size_t steps_ = 0;
  std::size_t made_ = 0;
  std::size_t read_ = 0;
  unsigned line_ = 1;
};

}  // namespace

Template::Template(std::string_view text, std::string name)
    : name_(std::move(name)), root_(std::make_unique<Block>(parse_template(text, name_))) {}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const Scope& scope) const {
  return Renderer(name_, scope).run(*root_);
}

}  // namespace discovery::confd
