#pragma once
// Which 65536 user and group ids of the host are a container's own. Ranges are taken from those that systemd sets
// aside for containers (UIDS-GIDS.md: 524288 to 1879048191) and kept in <root>/ids.json until they are given back, so
// that the files of one container never come to belong to another. Any process; the file is locked while it changes.

#include <cstdint>
#include <string>
#include <vector>

namespace runtime {

inline constexpr std::uint32_t kIdsPerContainer = 65536;
inline constexpr std::uint32_t kFirstId = 524288;
inline constexpr std::uint32_t kLastId = 1879048191;

// The first id of the container's range; the same one when it has one already. Ranges of containers that are not in
// `existing` (a crash left them) are given back first. Throws base::Error when all are taken.
std::uint32_t allocate_ids(const std::string& root, const std::string& container,
                           const std::vector<std::string>& existing);
// The range of another container, which this one has as well from now on: it is taken for as long as one of them is
// there. Throws base::Error when that has none.
std::uint32_t share_ids(const std::string& root, const std::string& container, const std::string& other);
void release_ids(const std::string& root, const std::string& container);

}  // namespace runtime
