#pragma once
// Names of images, by Docker's rules (github.com/distribution/reference): [REGISTRY/]NAME[:TAG][@sha256:HEX].
// The first component is a registry when it has a '.' or a ':' or is "localhost"; without one the registry is
// docker.io, and a single-component name there is library/NAME. The tag is "latest" when neither tag nor digest is
// given.

#include <cstdint>
#include <string>
#include <string_view>

namespace runtime {

struct Reference {
  std::string registry;    // "docker.io", "example.com:5000", "[::1]:5000"
  std::string repository;  // "library/nginx"
  std::string tag;         // "" when only a digest is given
  std::string digest;      // "sha256:<64 hex>" or ""

  // "docker.io/library/nginx:latest", with "@sha256:…" when there is a digest.
  std::string text() const;
  // What the registry is asked for: the digest when there is one, else the tag.
  const std::string& selector() const { return digest.empty() ? tag : digest; }
};

// Throws Error("image reference", text, what is wrong and what is allowed). At most 255 characters of name, 128 of tag.
Reference parse_reference(std::string_view text);

// True for "sha256:" and 64 lower-case hexadecimal digits: the only form that ever becomes a file name.
bool is_digest(std::string_view text);
// The 64 digits of a digest. Throws Error when it is none.
std::string digest_hex(std::string_view digest);

// A registry as written in an image name or an option: host, or host:port.
struct RegistryHost {
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0: not given
};
// Throws Error("registry", text, …).
RegistryHost parse_registry_host(std::string_view text);

// localhost, 127.0.0.0/8, ::1: registries that are spoken to in plain http.
bool is_loopback(std::string_view host);

}  // namespace runtime
