#pragma once
// The extended attributes that layers and `container cp` keep (keeps_xattr()). All of them of regular files and
// directories alone: links and others cannot have any.

#include <archive_entry.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace runtime {

using ExtendedAttributes = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMaxXattrs = 256;              // of one file
inline constexpr std::size_t kMaxXattrBytes = 64UL * 1024;  // of one value (XATTR_SIZE_MAX)

// Of an open node, for which O_PATH is enough; what cannot be read is not there. Throws base::Error beyond the bounds.
ExtendedAttributes read_attributes(const base::Fd& node, const std::string& what);

// Of a tar's entry. The same; `operation` and `what` are the error's.
ExtendedAttributes attributes_of_entry(archive_entry* entry, std::string_view operation, std::string_view what);

// Adds them to an entry.
void add_to_entry(archive_entry* entry, const ExtendedAttributes& attributes);

// Sets them at a node, for which O_PATH is enough; `with_capabilities`: also security.capability. Returns the names of
// those that its file system does not take, or that the caller may not set; other failures throw base::Error.
std::vector<std::string> write_attributes(const base::Fd& node, const ExtendedAttributes& attributes,
                                          bool with_capabilities, const std::string& what);

}  // namespace runtime
