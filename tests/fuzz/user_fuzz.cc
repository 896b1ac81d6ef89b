// "--user" against an image's own /etc/passwd and /etc/group. Input: the text of the option, a line; then passwd up to
// a line that is empty, then group.

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"
#include "runtime/user_spec.h"

namespace {

constexpr std::uint32_t kHighest = 2147483647;

bool is_decimal(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Written out once more, the plain way: an id comes from a number that says it, or from a line of the image's files.
bool stands_in(std::string_view file, std::uint32_t id) {
  for (const std::string& line : base::split(file, '\n')) {
    const std::vector<std::string> fields = base::split(line, ':');
    for (std::size_t i = 2; i < fields.size() && i < 4; i++) {
      if (is_decimal(fields[i]) && base::parse_unsigned(fields[i]) == id) return true;
    }
  }
  return false;
}

void is_who_was_asked_for(const runtime::ResolvedUser& user, std::string_view text, std::string_view passwd,
                          std::string_view group) {
  const std::string_view name = text.substr(0, text.find(':'));
  fuzz::must(user.uid <= kHighest && user.gid <= kHighest, "ids are within their bound");
  fuzz::must(user.home.starts_with('/'), "a home is absolute");
  if (is_decimal(name)) {
    fuzz::must(base::parse_unsigned(name) == user.uid, "a number is itself");
  } else if (!name.empty()) {
    fuzz::must(stands_in(passwd, user.uid), "a name's id stands in passwd");
  }
  for (const std::uint32_t id : user.groups) {
    fuzz::must(id <= kHighest && stands_in(group, id), "a supplementary group stands in group");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  const std::string_view text = input.line();
  const std::string_view files = input.rest();
  const std::size_t gap = std::min(files.find("\n\n"), files.size());
  const std::string_view passwd = files.substr(0, gap);
  const std::string_view group = files.substr(std::min(gap + 2, files.size()));
  try {
    is_who_was_asked_for(runtime::resolve_user(text, passwd, group), text, passwd, group);
  } catch (const base::Error&) {
  }
  return 0;
}
