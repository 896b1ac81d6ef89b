#pragma once
// The commands of `oci-runtime` about a container's cgroup: pause, resume, update, events, ps. Each takes the function
// that runs it, so that the table can put its own care for errors around (oci_command.cc).

#include "base/applet.h"

namespace runtime {

using CommandFunction = int (*)(const base::Invocation&);

// All throw base::Error.
int oci_pause(const base::Invocation& invocation);
int oci_resume(const base::Invocation& invocation);
int oci_update(const base::Invocation& invocation);
int oci_events(const base::Invocation& invocation);
int oci_ps(const base::Invocation& invocation);

base::Command oci_pause_command(CommandFunction run);
base::Command oci_resume_command(CommandFunction run);
base::Command oci_update_command(CommandFunction run);
base::Command oci_events_command(CommandFunction run);
base::Command oci_ps_command(CommandFunction run);

}  // namespace runtime
