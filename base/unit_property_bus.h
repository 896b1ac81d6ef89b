#pragma once
// Unit properties as parts of a D-Bus message. For systemd.cc alone.

#include <systemd/sd-bus.h>

#include "base/unit_property.h"

namespace base {

// Appends one (sv) to an open array of them. Throws Error.
void append_property(sd_bus_message* message, const UnitProperty& property);

// The properties of a scope as such (sv)s.
void append_scope(sd_bus_message* message, const ScopeRequest& scope);

}  // namespace base
