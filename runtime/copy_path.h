#pragma once
// The operands of `container cp`, with Docker's meaning (docker-cp(1)).

#include <cstdint>
#include <string>
#include <vector>

namespace runtime {

inline constexpr std::uint64_t kMostCopied = 20000000;                        // entries of one copy
inline constexpr std::uint64_t kDefaultMostBytes = std::uint64_t{256} << 30;  // of their contents; --max-size

// "the files have more than 256 GiB together (--max-size)".
[[noreturn]] void throw_too_large(const std::string& what, std::uint64_t max_bytes);

struct CopyOperand {
  std::string container = {};  // name or id; "": a path of this machine
  std::string path = {};       // as it was given
  bool stream = false;         // "-": a tar on a standard file
};

// "CONTAINER:PATH", "PATH" or "-". A path that begins with "/" or "." is of this machine, whatever colons it has.
// Throws base::UsageError.
CopyOperand parse_copy_operand(const std::string& text);

// What of a source is copied: `/srv/data` is the directory `data`, `/srv/data/.` what is in it.
struct CopiedName {
  std::string name;       // last component; "." when only the contents are meant
  bool contents = false;  // "/.", ".", "/", "..": they have no name of their own
};
CopiedName copied_name(const std::string& path);

// Where a destination is to be, and what it is to be called: "/srv/new/." is `new` in "/srv". An empty parent is the
// root.
struct Destination {
  std::string parent;
  std::string name;
};
Destination split_destination(const std::string& path);

bool names_a_directory(const std::string& path);  // it ends in "/" or "/."

// The components of a name in a tar, without "." and empty ones. Throws base::Error for "..", and for a name that is
// longer than the kernel takes (4095 bytes).
std::vector<std::string> archived_path(const std::string& name);

}  // namespace runtime
