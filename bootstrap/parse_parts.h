#pragma once
// The parts of a cloud-config, one function each; used by parse.cc only. Errors go to the findings.

#include <string>
#include <string_view>

#include "bootstrap/config.h"
#include "bootstrap/reader.h"
#include "bootstrap/yaml.h"

namespace bootstrap {

UserConfig parse_user(const YamlNode& node, std::string name, Findings& findings);
FileConfig parse_file(const YamlNode& node, std::string name, Findings& findings);
UnitConfig parse_unit(const YamlNode& node, std::string name, Findings& findings);

// clusteros.store, and the two keys of coreos.etcd2 that mean the same.
void parse_store(const YamlNode& node, StoreConfig& store, Findings& findings);
void parse_etcd2(const YamlNode& node, StoreConfig& store, Findings& findings);

// A list of keys for authorized_keys: one line each is required, a line without a key in it is a warning.
std::vector<std::string> parse_keys(MapReader& reader, std::string_view key);

// RFC 1123 labels, 64 bytes at most (the kernel's bound).
bool is_valid_hostname(std::string_view name);
// A name that passwd(5) and the usual tools accept: letters, digits, "_.-", not first a digit, '-' or '.'; 32 at most.
bool is_valid_user_name(std::string_view name);
// systemd.unit(5), and the file names of systemd-networkd.
bool is_valid_unit_name(std::string_view name);
// A field of passwd(5): no colon, no control characters.
bool is_valid_field(std::string_view text);
// An absolute path without "." and "..", with single slashes; empty when `path` is not absolute or has a NUL.
std::string normal_path(std::string_view path);

}  // namespace bootstrap
