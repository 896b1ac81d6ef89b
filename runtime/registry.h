#pragma once
// A registry's pull side (OCI distribution-spec, Docker Registry v2 with its token authentication) for one repository.
//
// https with the system's certificates, and plain http only for loopback addresses and the hosts that the operator
// named. Authorization goes to the registry's own origin and never along a redirect to another one; a redirect may not
// leave https. Everything that is returned has been checked against its digest, except the pieces of stream_blob().
// One object a thread; cancel() may come from another.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/manifest.h"
#include "runtime/reference.h"

namespace runtime {

struct RegistrySettings {
  std::vector<RegistryHost> insecure;  // spoken to in plain http; port 0: every port
  std::string auth_file;               // content in Docker's config.json form, "" for none
  std::string auth_file_name;          // for messages
  std::string ca_file;                 // PEM; "": the system's
};

// {"insecure-registries": ["host:port", …]} as in Docker's daemon.json. Throws Error.
std::vector<RegistryHost> parse_registries_file(std::string_view text, std::string_view where);

struct ServedManifest {
  std::string body;
  std::string content_type;
  std::string digest;  // computed, and equal to what was asked for and to Docker-Content-Digest
};

class Registry {
 public:
  Registry(const Reference& reference, const RegistrySettings& settings);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // `selector`: tag or digest. Throws Error, with the registry's own words when it has some.
  ServedManifest manifest(const std::string& selector);

  // A small blob (a configuration), whole. Throws Error.
  std::string blob(const Descriptor& descriptor);

  // A large one from byte `offset` on. `begin` gets the offset at which the registry really starts (it may ignore the
  // request and send all), then `data` the pieces; what these throw comes out of here. Returns "" when the answer ended
  // properly, else why the transfer broke: trying again makes sense. Throws Error when it does not.
  std::string stream_blob(const Descriptor& descriptor, std::uint64_t offset,
                          const std::function<void(std::uint64_t)>& begin,
                          const std::function<void(std::string_view)>& data);

  // Ends what is under way; later calls fail. Any thread.
  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace runtime
