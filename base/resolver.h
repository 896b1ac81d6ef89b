#pragma once
// Names to addresses without NSS (a static binary has none): literals, /etc/hosts, then c-ares with /etc/resolv.conf.

#include <chrono>
#include <string>
#include <vector>

namespace base {

// Addresses in text form, IPv4 first. Throws Error when there is none within `timeout`. Any thread.
std::vector<std::string> resolve(const std::string& host, std::chrono::milliseconds timeout);

}  // namespace base
