#pragma once
// Unix sockets that are found by path (unix(7)). A socket's address holds 107 bytes; a longer path is reached by its
// directory's descriptor, so that any path will do. All throw base::Error.

#include <sys/uio.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"

namespace runtime {

inline constexpr std::chrono::seconds kConnectTime{10};

// `type`: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. Where more wait than the other side lets, which the kernel would
// have us do without an end, for at most kConnectTime.
base::Fd connect_unix(const std::string& path, int type);

// From here on sending waits no longer than this for the other side to take something. 0: without an end, as at first.
void limit_sending(const base::Fd& socket, std::chrono::seconds time);

// A socket with this path, which must be free. Not listening yet.
base::Fd bind_unix(const std::string& path, int type);

// --- descriptors beside bytes (SCM_RIGHTS)

// One message of these parts (one byte at least), with `file` beside it unless that is null. Returns the bytes that
// were taken: all of them, but on a stream when a signal came.
std::size_t send_with_descriptor(const base::Fd& socket, std::span<iovec> parts, const base::Fd* file);

// Fills the parts and, when one came beside them, `file`. Returns the length; nothing when the other side has gone with
// something unread (ECONNRESET), 0 when it has closed.
std::optional<std::size_t> receive_with_descriptor(const base::Fd& socket, std::span<iovec> parts, base::Fd& file);

// Sends a descriptor beside a text of at least one byte, all of it.
void send_descriptor(const base::Fd& socket, const base::Fd& file, const std::string& text);

}  // namespace runtime
