#pragma once
// `--mount type=bind|volume|empty|tmpfs,…` of `container run`, in Docker's words. Pure.

#include <string_view>
#include <variant>

#include "runtime/run_options.h"

namespace runtime {

// "type=volume,source=pages,target=/www", "type=empty,target=/cache",
// "type=bind,source=/srv,target=/data,readonly", "type=tmpfs,target=/run,tmpfs-size=64m,tmpfs-mode=1777". A word that
// is unknown, or that the type does not have, is an error which names it. Throws base::UsageError.
std::variant<Volume, TemporaryMount> parse_mount(std::string_view text);

}  // namespace runtime
