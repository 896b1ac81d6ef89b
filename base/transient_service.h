#pragma once
// A TransientService as the properties of StartTransientUnit (org.freedesktop.systemd1(5)). For systemd.cc alone.

#include <systemd/sd-bus.h>

#include "base/systemd.h"

namespace base {

// Appends to an open array of (sv). Throws Error.
void append_service(sd_bus_message* message, const TransientService& service);

// Appends a timer's properties, and its service as the auxiliary unit.
void append_timer(sd_bus_message* message, const TransientTimer& timer);

}  // namespace base
