#pragma once
// Unix sockets that are found by path (unix(7)). A socket's address holds 107 bytes; a longer path is reached by its
// directory's descriptor, so that any path will do. All throw base::Error.

#include <string>

#include "base/fd.h"

namespace runtime {

// `type`: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM.
base::Fd connect_unix(const std::string& path, int type);

// A socket with this path, which must be free. Not listening yet.
base::Fd bind_unix(const std::string& path, int type);

// Sends a descriptor (SCM_RIGHTS) beside a text of at least one byte.
void send_descriptor(const base::Fd& socket, const base::Fd& file, const std::string& text);

}  // namespace runtime
