#include "kv/kvd_config_file.h"

#include <format>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"
#include "kv/kvd_flags.h"

namespace kv {

namespace {

using base::YamlNode;

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  ConfigFileOptions read(const YamlNode& root) {
    if (!root.is_mapping()) refuse(root.mark, "a mapping of options is needed here");
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
      const std::string& key = root.keys[i].text;
      if (key == "client-transport-security") {
        read_security(root.items[i], "");
      } else if (key == "peer-transport-security") {
        read_security(root.items[i], "peer-");
      } else {
        take(root.keys[i], root.items[i], key);
      }
    }
    return std::move(options_);
  }

 private:
  [[noreturn]] void refuse(base::YamlMark mark, std::string_view text) const {
    throw base::UsageError(std::format("{}:{}:{}: {}", path_, mark.line, mark.column, text));
  }

  void read_security(const YamlNode& node, std::string_view prefix) {
    if (node.is_scalar() && node.is_null()) return;
    if (!node.is_mapping()) refuse(node.mark, "a mapping is needed here");
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      take(node.keys[i], node.items[i], std::string(prefix) + node.keys[i].text);
    }
  }

  void take(const YamlNode::Key& key, const YamlNode& node, const std::string& name) {
    std::vector<std::string> names;
    for (const KvdFlag& flag : kvd_flags()) {
      if (flag.option.name == name && name != "config-file") return take_value(flag.option, node);
      names.emplace_back(flag.option.name);
    }
    const std::string near = base::nearest(name, names);
    options_.warnings.push_back(std::format("{}:{}:{}: '{}' means nothing{}", path_, key.mark.line, key.mark.column,
                                            key.text, near.empty() ? "" : " (did you mean '" + near + "'?)"));
  }

  void take_value(const base::Option& option, const YamlNode& node) {
    if (node.is_scalar() && node.is_null()) return;
    std::string value = text_of(node);
    if (option.value.empty()) {
      const auto truth = node.as_boolean();
      if (truth) value = *truth ? "true" : "false";
    }
    options_.arguments.push_back(std::format("--{}={}", option.name, value));
  }

  // A list is written with commas on the command line.
  std::string text_of(const YamlNode& node) const {
    if (node.is_scalar()) return node.text;
    if (!node.is_sequence()) refuse(node.mark, "a value or a list is needed here");
    std::vector<std::string> parts;
    for (const YamlNode& item : node.items) {
      if (!item.is_scalar()) refuse(item.mark, "a value is needed here");
      parts.push_back(item.text);
    }
    return base::join(parts, ",");
  }

  const std::string& path_;
  ConfigFileOptions options_;
};

}  // namespace

ConfigFileOptions parse_config_file(const std::string& text, const std::string& path) {
  const base::YamlResult result = base::parse_yaml(text);
  if (result.problem) {
    throw base::UsageError(std::format("{}:{}:{}: {}", path, result.problem->mark.line, result.problem->mark.column,
                                       result.problem->message));
  }
  if (!result.root) return {};
  return Reader(path).read(*result.root);
}

}  // namespace kv
