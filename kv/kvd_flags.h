#pragma once
// The option table of kvd: all flags of etcd 3.4, and what becomes of each. It is the source of --help, the man page,
// the completion and the names of the environment variables (ETCD_ and the flag in capitals).

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/applet.h"

namespace kv {

struct KvdFlag {
  enum class Use {
    kRead,     // means here what it means in etcd
    kIgnored,  // accepted: `why` it changes nothing is said in one line
    kRefused,  // an error: `why`; to go on would be untrue
  };

  base::Option option;
  Use use = Use::kRead;
  std::string_view why = {};
  std::vector<std::string_view> harmless = {};  // values of an ignored or refused flag that need no word
};

std::span<const KvdFlag> kvd_flags();

// For the applet: `options` of kvd_flags(), with the words about their use.
std::vector<base::Option> kvd_option_table();

}  // namespace kv
