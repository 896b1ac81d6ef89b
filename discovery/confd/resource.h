#pragma once
// A template resource: what to render, from which keys, where to, and how to tell its program. confd's file
// conf.d/NAME.toml, table [template]. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace discovery::confd {

struct Resource {
  std::string file;               // where it was read from, for messages
  std::string source;             // name below templates/
  std::string destination;        // path of the file to write
  std::vector<std::string> keys;  // clean, without the prefix
  std::string prefix;             // clean: "/" for none
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;  // nothing: ours
  std::optional<std::uint32_t> gid;
  std::string check_command;
  std::string reload_command;

  // The key in the store of one of `keys`: prefix and key joined.
  std::string store_key(const std::string& key) const;
};

inline constexpr std::size_t kMaxKeys = 128;  // of one resource: confd's own bound (operations of a transaction)

// `prefix`: of the command line; one that is not empty replaces the resource's. Throws base::Error with file and line.
Resource parse_resource(std::string_view text, const std::string& file, const std::string& prefix);

}  // namespace discovery::confd
