#pragma once
// The value of a mount's "idmap=" (crun(1), "idmap mount options").

#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec.h"

namespace runtime {

// "uids=a-b-n#…;gids=a-b-n#…": n ids from a on of the file system are b… on the host; with "@" in front, b is one of
// the container's user namespace, whose maps are given. Throws base::Error, with `where`.
MountIdMap parse_id_map_option(std::string_view text, const std::string& where, const std::vector<IdMapping>& uid_map,
                               const std::vector<IdMapping>& gid_map);

}  // namespace runtime
