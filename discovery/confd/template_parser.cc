// Recursive descent over the tokens. Variables, functions and their number of arguments are checked here, as Go does
// for the first two, so that a template that is refused is refused before any key was read.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "discovery/confd/template.h"
#include "discovery/confd/template_functions.h"
#include "discovery/confd/template_lexer.h"
#include "discovery/confd/template_tree.h"

namespace discovery::confd {
namespace {

using Kind = Token::Kind;

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : name_(name), tokens_(lex_template(text, name)) {}

  Block parse() {
    Block root;
    if (const std::string end = block(root); !end.empty())
      refuse(std::format("'{}' without a block to belong to", end));
    return root;
  }

 private:
  // Nodes up to the end of the template (returns ""), or to `end` or `else` (returns it, its word being taken).
  std::string block(Block& into) {
    if (++depth_ > kMaxDepth) refuse(std::format("blocks stand more than {} deep", kMaxDepth));
    const std::size_t known_variables = variables_.size();
    std::string end;
    while (end.empty() && !is(Kind::kEnd)) {
      if (is(Kind::kText)) {
        Node text;
        text.line = peek().line;
        text.text = take().text;
        into.nodes.push_back(std::move(text));
        continue;
      }
      ++at_;  // {{
      if (is(Kind::kWord) && (peek().text == "end" || peek().text == "else")) {
        end = take().text;
      } else {
        into.nodes.push_back(action());
      }
    }
    variables_.resize(known_variables);
    --depth_;
    return end;
  }

  Node action() {
    Node node;
    node.line = peek().line;
    const std::string word = is(Kind::kWord) ? peek().text : "";
    static constexpr std::string_view kRefused[] = {"define", "template", "block", "break", "continue"};
    if (std::ranges::contains(kRefused, word)) refuse(std::format("'{}' is not supported", word));
    if (word == "if" || word == "range" || word == "with") {
      ++at_;
      control(node, word);
      return node;
    }
    node.kind = Node::Kind::kAction;
    node.pipeline = pipeline(Declare::kOne);
    close();
    return node;
  }

  // After the word: its pipeline, its body, its else, its end. Variables of the pipeline end with it.
  void control(Node& node, const std::string& word) {
    const std::size_t known_variables = variables_.size();
    const unsigned line = node.line;
    node.kind = word == "if" ? Node::Kind::kIf : word == "range" ? Node::Kind::kRange : Node::Kind::kWith;
    node.pipeline = pipeline(word == "range" ? Declare::kTwo : Declare::kOne);
    close();
    std::string end = block(node.body);
    if (end == "else") {
      if (is(Kind::kWord) && word == "if" && peek().text == "if") {
        if (++depth_ > kMaxDepth) refuse(std::format("more than {} times 'else if'", kMaxDepth));
        Node next;
        next.line = take().line;
        control(next, "if");
        --depth_;
        node.otherwise.nodes.push_back(std::move(next));
        variables_.resize(known_variables);
        return;  // the inner if has taken the end
      }
      if (is(Kind::kWord)) refuse(std::format("'else {}' is not supported", peek().text));
      close();
      end = block(node.otherwise);
      if (end == "else") refuse(std::format("a second 'else' in the '{}' of line {}", word, line));
    }
    if (end.empty()) refuse(std::format("'{}' of line {} has no end", word, line));
    close();
    variables_.resize(known_variables);
  }

  enum class Declare { kNone, kOne, kTwo };

  Pipeline pipeline(Declare declare) {
    Pipeline pipe;
    pipe.line = peek().line;
    if (declare != Declare::kNone) declaration(pipe, declare == Declare::kTwo);
    do {
      pipe.calls.push_back(call(!pipe.calls.empty()));
    } while (take_symbol("|"));
    // Known from here on: not in the pipeline itself.
    if (!pipe.assigns) variables_.insert(variables_.end(), pipe.variables.begin(), pipe.variables.end());
    return pipe;
  }

  // `$x :=`, `$x =`, `$i, $x :=`; nothing when the variable is only used.
  void declaration(Pipeline& pipe, bool two) {
    if (!is(Kind::kVariable)) return;
    const bool comma = is_symbol(1, ",");
    const std::size_t symbol = comma ? 3 : 1;
    if (!is_symbol(symbol, ":=") && !is_symbol(symbol, "=")) {
      if (comma) refuse("expected ':=' after two variables");
      return;
    }
    if (comma && !two) refuse("two variables are for 'range' only");
    pipe.assigns = is_symbol(symbol, "=");
    for (std::size_t i = 0; i < symbol; i += 2) {
      const Token& variable = tokens_[at_ + i];
      if (variable.kind != Kind::kVariable || variable.text == "$") refuse("expected a variable such as $x");
      if (pipe.assigns) check_variable(variable.text);
      pipe.variables.push_back(variable.text);
    }
    at_ += symbol + 1;
  }

  Call call(bool piped) {
    Call result;
    result.line = peek().line;
    while (!is(Kind::kClose) && !is_symbol(0, "|") && !is_symbol(0, ")")) {
      if (!result.operands.empty() && !peek().spaced) refuse(std::format("blank missing before '{}'", peek().text));
      result.operands.push_back(operand());
    }
    if (result.operands.empty()) refuse("a value or a function is missing");
    const Operand& first = result.operands.front();
    const std::size_t arguments = result.operands.size() - 1 + (piped ? 1 : 0);
    if (first.kind == Operand::Kind::kFunction) {
      check_count(first.name, arguments);
    } else if (arguments > 0) {
      refuse("only a function can take arguments");
    }
    for (std::size_t i = 1; i < result.operands.size(); ++i) {
      const Operand& argument = result.operands[i];
      if (argument.kind != Operand::Kind::kFunction) continue;
      refuse(std::format("function '{}' as an argument must stand in parentheses with its own", argument.name));
    }
    return result;
  }

  Operand operand() {
    Operand result;
    const Token token = take();
    switch (token.kind) {
      case Kind::kDot:
        break;
      case Kind::kField:
        result.fields.push_back(token.text.substr(1));
        break;
      case Kind::kVariable:
        if (token.text != "$") check_variable(token.text);
        result.kind = Operand::Kind::kVariable;
        result.name = token.text;
        break;
      case Kind::kString:
        constant(result, Value(token.text));
        break;
      case Kind::kNumber:
        constant(result, number(token.text));
        break;
      case Kind::kWord:
        word(result, token.text);
        break;
      default:
        symbol(result, token);
    }
    const bool may_have_fields = result.kind != Operand::Kind::kConstant && result.kind != Operand::Kind::kFunction;
    while (is(Kind::kField) && !peek().spaced) {
      if (!may_have_fields)
        refuse(std::format("'{}{}': only variables and '(…)' have fields", token.text, peek().text));
      result.fields.push_back(take().text.substr(1));
    }
    return result;
  }

  void symbol(Operand& result, const Token& token) {
    if (token.kind != Kind::kSymbol || token.text != "(") refuse(std::format("unexpected '{}'", token.text));
    if (++depth_ > kMaxDepth) refuse(std::format("parentheses stand more than {} deep", kMaxDepth));
    result.kind = Operand::Kind::kPipeline;
    result.inner = std::make_shared<Pipeline>(pipeline(Declare::kNone));
    --depth_;
    if (!take_symbol(")")) refuse("expected ')'");
  }

  void word(Operand& result, const std::string& text) {
    static constexpr std::string_view kKeywords[] = {"if",     "else",     "end",   "range", "with",
                                                     "define", "template", "block", "break", "continue"};
    if (text == "true" || text == "false") return constant(result, Value(text == "true"));
    if (text == "nil") return constant(result, Value());
    if (std::ranges::contains(kKeywords, text)) refuse(std::format("unexpected '{}'", text));
    if (find_function(text) == nullptr) {
      const std::string near = base::nearest(text, function_names());
      refuse(std::format("function '{}' is not supported{}", text,
                         near.empty() ? "" : std::format(" (did you mean '{}'?)", near)));
    }
    result.kind = Operand::Kind::kFunction;
    result.name = text;
  }

  static void constant(Operand& result, Value value) {
    result.kind = Operand::Kind::kConstant;
    result.constant = std::move(value);
  }

  Value number(std::string_view text) {
    const std::string_view digits = text.substr(text.starts_with('+') ? 1 : 0);
    const bool leading_zero = digits.size() > 1 && digits[0] == '0' && digits[1] != '.';
    if (const auto integer = base::parse_signed(digits); integer && !leading_zero) return Value(*integer);
    double real = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), real);
    if (leading_zero || error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(real)) {
      refuse(std::format("'{}' is no decimal number", text));
    }
    return Value(real);
  }

  void check_count(const std::string& name, std::size_t count) const {
    const Function* function = find_function(name);
    if (count >= function->least && count <= function->most) return;
    refuse(std::format("function '{}' takes {} to {} arguments, not {}", name, function->least,
                       function->most == kAnyArguments ? "any number of" : std::to_string(function->most), count));
  }

  void check_variable(const std::string& name) const {
    if (!std::ranges::contains(variables_, name)) refuse(std::format("undefined variable '{}'", name));
  }

  void close() {
    if (!is(Kind::kClose)) refuse(std::format("unexpected '{}' in an action", peek().text));
    ++at_;
  }

  const Token& peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  Token take() {
    Token token = peek();
    ++at_;
    return token;
  }
  bool is(Kind kind) const { return peek().kind == kind; }
  bool is_symbol(std::size_t ahead, std::string_view text) const {
    const Token& token = tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
    return token.kind == Kind::kSymbol && token.text == text;
  }
  bool take_symbol(std::string_view text) {
    const bool found = is_symbol(0, text);
    if (found) ++at_;
    return found;
  }

  [[noreturn]] void refuse(std::string_view reason) const {
    const Token& last = tokens_[at_ == 0 ? 0 : std::min(at_, tokens_.size()) - 1];  // the one that was taken
    throw base::Error("parse", std::format("{}:{}", name_, last.line), reason);
  }

  std::string_view name_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::string> variables_;
};

}  // namespace

Block parse_template(std::string_view text, std::string_view name) {
  if (text.size() > kMaxTemplateBytes) {
    throw base::Error("parse", name, std::format("larger than {} bytes", kMaxTemplateBytes));
  }
  return Parser(text, name).parse();
}

}  // namespace discovery::confd
