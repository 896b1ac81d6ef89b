#pragma once
// Users and groups by editing passwd(5), shadow(5), group(5) and gshadow(5), as useradd(8) does; the image has no
// useradd. Pure: texts in, texts out. Errors (a name that is taken, a group that is not there, no free number): Error.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/users.h"

namespace bootstrap {

struct AccountFiles {
  std::string passwd;
  std::string shadow;
  std::string group;
  std::string gshadow;
  friend bool operator==(const AccountFiles&, const AccountFiles&) = default;
};

// login.defs(5): from which numbers new ones are taken. Normal users get the highest used + 1, system users the lowest
// free from the top, as useradd does; a user's own group gets the user's number where it is free.
struct IdRanges {
  std::uint32_t uid_min = 1000, uid_max = 60000, system_uid_min = 100, system_uid_max = 999;
  std::uint32_t gid_min = 1000, gid_max = 60000, system_gid_min = 100, system_gid_max = 999;
};
IdRanges parse_login_defs(std::string_view text);

struct NewUser {
  std::string name;
  std::string passwd = "*";  // hash; "*": no password, keys still log in
  std::string gecos;
  std::string home;           // absolute
  std::string shell;          // absolute
  std::string primary_group;  // name or number of a group; empty: a new one with the user's name
  std::vector<std::string> groups;
  bool no_user_group = false;  // with no primary_group: the group "users"
  bool system = false;
};

// REQUIRES: the name is not in passwd, and all fields are valid ones (is_valid_field). `today` is days since 1970.
base::User add_user(AccountFiles& files, const NewUser& user, const IdRanges& ranges, std::int64_t today);

// False when the hash was there already. The user must be in passwd; a missing shadow line is made.
bool set_password(AccountFiles& files, std::string_view name, std::string_view hash, std::int64_t today);

}  // namespace bootstrap
