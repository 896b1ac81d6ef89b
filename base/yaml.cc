// libyaml gives events; we build the tree ourselves, because its own document loader has no bounds, keeps aliases as
// cycles, and throws away everything when the text breaks off in the middle.
#include "base/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/digest.h"

namespace base {
namespace {

constexpr std::string_view kBinaryTag = "tag:yaml.org,2002:binary";

YamlMark to_mark(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

std::string to_string(const yaml_char_t* text) {
  return text ? reinterpret_cast<const char*>(text) : "";
}

struct Weight {
  std::size_t nodes = 0;
  std::size_t text = 0;
};

Weight weigh(const YamlNode& node) {
  Weight weight{1, node.text.size()};
  for (const auto& key : node.keys) weight.text += key.text.size();
  for (const auto& item : node.items) {
    const Weight inner = weigh(item);
    weight.nodes += inner.nodes;
    weight.text += inner.text;
  }
  return weight;
}

std::size_t depth_of(const YamlNode& node) {
  std::size_t deepest = 0;
  for (const auto& item : node.items) deepest = std::max(deepest, depth_of(item));
  return deepest + 1;
}

// A container that is still open.
struct Frame {
  YamlNode node;
  std::string anchor;
  std::optional<YamlNode::Key> key;  // of a mapping: read, its value is next
  YamlNode merged;                   // keys and items that "<<" brought
};

class Composer {
 public:
  YamlResult compose(std::string_view text) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return {{}, YamlProblem{{1, 1}, "out of memory"}};
    const std::unique_ptr<yaml_parser_t, void (*)(yaml_parser_t*)> guard(&parser, yaml_parser_delete);
    yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    while (!done_ && !problem_) {
      yaml_event_t event;
      if (!yaml_parser_parse(&parser, &event)) {
        problem_ = syntax_problem(parser, text);
        break;
      }
      take(event);
      yaml_event_delete(&event);
    }
    while (!stack_.empty()) close();
    return {std::move(root_), std::move(problem_)};
  }

 private:
  static YamlProblem syntax_problem(const yaml_parser_t& parser, std::string_view text) {
    std::string message = parser.problem ? parser.problem : "out of memory";
    if (parser.error == YAML_READER_ERROR) {  // it knows the byte only
      const std::string_view before = text.substr(0, std::min(parser.problem_offset, text.size()));
      const auto line = static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1);
      const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
      return {{line, static_cast<std::uint32_t>(before.size() - start + 1)}, message};
    }
    if (parser.context) message = std::string(parser.context) + ": " + message;
    const bool has_problem_mark = parser.problem_mark.line != 0 || parser.problem_mark.column != 0;
    return {to_mark(has_problem_mark ? parser.problem_mark : parser.context_mark), message};
  }

  void take(const yaml_event_t& event) {
    const YamlMark mark = to_mark(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (root_) fail(mark, "a second document");
        return;
      case YAML_STREAM_END_EVENT:
        done_ = true;
        return;
      case YAML_SEQUENCE_START_EVENT:
        return open(YamlNode::Kind::kSequence, mark, to_string(event.data.sequence_start.anchor));
      case YAML_MAPPING_START_EVENT:
        return open(YamlNode::Kind::kMapping, mark, to_string(event.data.mapping_start.anchor));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      case YAML_SCALAR_EVENT:
        return take_scalar(event, mark);
      case YAML_ALIAS_EVENT:
        return take_alias(to_string(event.data.alias.anchor), mark);
      default:
        return;
    }
  }

  void open(YamlNode::Kind kind, YamlMark mark, std::string anchor) {
    if (expects_key()) return fail(mark, "invalid map key");
    if (stack_.size() >= kMaxYamlDepth) return fail(mark, "nested too deeply (32 levels at most)");
    Frame frame;
    frame.node.kind = kind;
    frame.node.mark = mark;
    frame.anchor = std::move(anchor);
    stack_.push_back(std::move(frame));
    count({1, 0}, mark);
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    add_merged(frame);
    finish(std::move(frame.node), frame.anchor);
  }

  void take_scalar(const yaml_event_t& event, YamlMark mark) {
    const auto& scalar = event.data.scalar;
    YamlNode node;
    node.mark = mark;
    node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    node.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && !scalar.tag;
    if (scalar.tag && to_string(scalar.tag) == kBinaryTag) {
      auto bytes = base::base64_decode(node.text);
      if (!bytes) return fail(mark, "!!binary value contains invalid base64 data");
      node.text = std::move(*bytes);
    }
    count({1, node.text.size()}, mark);
    finish(std::move(node), to_string(scalar.anchor));
  }

  void take_alias(const std::string& name, YamlMark mark) {
    for (const auto& frame : stack_)
      if (frame.anchor == name) return fail(mark, "anchor '" + name + "' value contains itself");
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) return fail(mark, "unknown anchor '" + name + "' referenced");
    if (stack_.size() + depth_of(found->second) > kMaxYamlDepth)
      return fail(mark, "nested too deeply (32 levels at most)");
    count(weigh(found->second), mark);
    if (!problem_) finish(found->second, "");
  }

  // A complete node goes into the innermost open container, or becomes the document.
  void finish(YamlNode node, const std::string& anchor) {
    if (!anchor.empty() && !problem_) {
      count(weigh(node), node.mark);  // the copy that the anchor keeps
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (!node.is_scalar()) return fail(node.mark, "invalid map key");
      parent.key = YamlNode::Key{std::move(node.text), node.mark};
    } else {
      add_entry(parent, std::move(node));
    }
  }

  void add_entry(Frame& parent, YamlNode value) {
    const YamlNode::Key key = *std::exchange(parent.key, std::nullopt);
    if (key.text != "<<") {
      parent.node.keys.push_back(key);
      parent.node.items.push_back(std::move(value));
      return;
    }
    // A merge key takes one mapping or a list of them.
    std::vector<YamlNode> sources;
    if (value.is_sequence()) {
      sources = std::move(value.items);
    } else {
      sources.push_back(std::move(value));
    }
    for (auto& source : sources) {
      if (!source.is_mapping()) return fail(key.mark, "map merge requires map or sequence of maps as the value");
      for (std::size_t i = 0; i < source.keys.size(); i++) {
        parent.merged.keys.push_back(std::move(source.keys[i]));
        parent.merged.items.push_back(std::move(source.items[i]));
      }
    }
  }

  // What the mapping says itself counts more than what is merged into it, and the first merged one more than others.
  static void add_merged(Frame& frame) {
    if (frame.merged.keys.empty()) return;
    std::set<std::string> there;
    for (const auto& key : frame.node.keys) there.insert(key.text);
    for (std::size_t i = 0; i < frame.merged.keys.size(); i++) {
      if (!there.insert(frame.merged.keys[i].text).second) continue;
      frame.node.keys.push_back(std::move(frame.merged.keys[i]));
      frame.node.items.push_back(std::move(frame.merged.items[i]));
    }
  }

  bool expects_key() const { return !stack_.empty() && stack_.back().node.is_mapping() && !stack_.back().key; }

  void count(Weight weight, YamlMark mark) {
    total_.nodes += weight.nodes;
    total_.text += weight.text;
    if (total_.nodes > kMaxYamlNodes) fail(mark, "too many values (50000 at most, aliases counted each time)");
    if (total_.text > kMaxYamlText) fail(mark, "too much text (16 MiB at most, aliases counted each time)");
  }

  void fail(YamlMark mark, std::string message) {
    if (!problem_) problem_ = YamlProblem{mark, std::move(message)};
  }

  std::vector<Frame> stack_;
  std::map<std::string, YamlNode> anchors_;
  std::optional<YamlNode> root_;
  std::optional<YamlProblem> problem_;
  Weight total_;
  bool done_ = false;
};

}  // namespace

bool YamlNode::is_null() const {
  static constexpr std::array<std::string_view, 5> kNulls{"", "~", "null", "Null", "NULL"};
  return is_scalar() && plain && std::ranges::contains(kNulls, text);
}

std::optional<bool> YamlNode::as_boolean() const {
  static constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                          "True", "TRUE", "on",  "On",  "ON"};
  static constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                           "False", "FALSE", "off", "Off", "OFF"};
  if (!is_scalar() || !plain) return std::nullopt;
  if (std::ranges::contains(kTrue, text)) return true;
  if (std::ranges::contains(kFalse, text)) return false;
  return std::nullopt;
}

YamlResult parse_yaml(std::string_view text) {
  return Composer().compose(text);
}

}  // namespace base
