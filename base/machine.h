#pragma once
// Facts about the machine that we run on.

#include <cstdint>
#include <map>
#include <string>

namespace base {

std::string machine_id();  // /etc/machine-id: 32 hexadecimal digits. Throws Error.
std::string boot_id();     // without dashes
std::string host_name();   // gethostname(2)

// The address that other machines reach us at: the source address of the default route (IPv4, else IPv6), else the
// first global address of an interface, else "127.0.0.1". No packet is sent.
std::string primary_address();

// /etc/os-release (or /usr/lib/os-release): unquoted values.
std::map<std::string, std::string> os_release();

// Bytes of resident memory of a process (VmRSS), 0 when it is gone.
std::uint64_t resident_bytes(int pid);

}  // namespace base
