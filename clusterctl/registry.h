#pragma once
// Every applet of the binary, in the order in which people read about them. Any thread; the tables live for ever.

#include <span>
#include <string>
#include <vector>

#include "base/applet.h"

namespace clusterctl {

// clusterctl's own applet: what the binary is when it is called by its own name.
const base::Applet& front();

// The rooms' tables, for looking a name up: the runtime's first, since a container's start is short enough for the
// making of the others to be a part of it that one can measure.
std::span<const base::AppletTable> tables();

// All applets of all rooms, front() first.
const std::vector<const base::Applet*>& all_applets();

// Every name that picks an applet: names and aliases, each once, in table order. The image makes a symbolic link of
// each.
std::vector<std::string> all_names();

}  // namespace clusterctl
