#pragma once
// The account files of a machine, and homes with their keys. Errors: Error.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/users.h"
#include "bootstrap/accounts.h"

namespace bootstrap {

// Reads the four files under /etc/.pwd.lock, lets `edit` change them, and writes those that changed: group files
// first and passwd last, so that a user exists only when all of it does. Modes and owners stay. True when any changed.
bool edit_accounts(const base::Fd& root, const std::function<void(AccountFiles&)>& edit);
AccountFiles read_accounts(const base::Fd& root);

// The user's home with the files of /etc/skel, 0700 and the user's. False when it is there already.
bool make_home(const base::Fd& root, const base::User& user);

// Puts the keys into ~/.ssh/authorized_keys (merge_authorized_keys), 0700 and 0600 and the user's. The home belongs to
// the user, who may put links there: none is followed. False when nothing changed.
bool put_authorized_keys(const base::Fd& root, const base::User& user, const std::vector<std::string>& keys,
                         bool keep_old);

}  // namespace bootstrap
