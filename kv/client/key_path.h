#pragma once
// Keys as paths: what the store's clients and its fakes agree on.

#include <string>
#include <string_view>

namespace kv {

// Go's path.Clean of "/" + key: one leading slash, no empty, "." or ".." parts, no trailing slash ("/" for the root).
std::string clean_key(std::string_view key);
// clean_key() would change nothing.
bool is_clean_key(std::string_view key);

// True when `key` is below `directory` (not equal to it). Both are clean.
bool is_below(std::string_view key, std::string_view directory);

// True when a part of `key` beneath `directory` starts with "_": listings and watches above it leave it out.
bool is_hidden_below(std::string_view key, std::string_view directory);

}  // namespace kv
