#pragma once
// The socket on which a container waits that is set up but not executed yet: its first process listens
// (InitFiles::start_socket), whoever starts it connects, and hears over the connection what goes wrong.

#include <string>

#include "base/fd.h"

namespace runtime {

// The socket `start` in this directory, made anew.
base::Fd listen_for_start(const std::string& directory);

// Returns when the program has been executed. Throws StartError with the reason when it cannot be, base::Error when
// nobody waits.
void let_it_execute(const std::string& directory);

}  // namespace runtime
