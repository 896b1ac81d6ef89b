#pragma once
// JSON from outside: bounded in size and depth, with line and column in the error. Objects keep their key order, since
// etcd's and fleet's formats have one.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace base {

using Json = nlohmann::ordered_json;

// Throws Error("parse JSON", where, "line L, column C: …"). `where` names the source for the message.
Json parse_json(std::string_view text, std::string_view where, std::size_t max_bytes = 4 * 1024 * 1024,
                std::size_t max_depth = 64);

// Members with a default; a member of another type is an Error that names it.
std::string json_string(const Json& object, std::string_view member, std::string_view fallback = "");
std::int64_t json_integer(const Json& object, std::string_view member, std::int64_t fallback = 0);
bool json_bool(const Json& object, std::string_view member, bool fallback = false);

// Compact text; invalid UTF-8 is replaced instead of thrown at.
std::string to_text(const Json& json, int indent = -1);

}  // namespace base
