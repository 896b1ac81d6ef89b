#pragma once
// The options of a mount in a configuration (runtime-spec config.md "Linux mount options", and crun's own): names of
// mount(8) into what the kernel's mount calls take. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec.h"

namespace runtime {

// Applies one option to `mount`; a later one wins over an earlier. What is no option here goes to the file system,
// which refuses what it does not know by its name. `where` is for messages: "mounts[3].options"; the maps of the
// container's user namespace are what "idmap=uids=@…" is relative to. Throws base::Error.
void apply_mount_option(Mount& mount, const std::string& option, const std::string& where,
                        const std::vector<IdMapping>& uid_map, const std::vector<IdMapping>& gid_map);

// "shared", "rslave", …: MS_* with MS_REC; nothing for another word.
std::optional<std::uint64_t> propagation_by_name(std::string_view name);

// The options that make these attributes and parameters.
std::vector<std::string> mount_options(const Mount& mount);

// Every option that means something to us, sorted.
std::vector<std::string> known_mount_options();

}  // namespace runtime
