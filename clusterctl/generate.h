#pragma once
// What packagers take from the option tables: man pages, completion, the list of names.

#include "base/applet.h"

namespace clusterctl {

int run_generate(const base::Invocation& invocation);
int run_front(const base::Invocation& invocation);  // no command was given
int run_list(const base::Invocation& invocation);

}  // namespace clusterctl
