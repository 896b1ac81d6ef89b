#pragma once
// How clients of the store trust it and show who they are, where its endpoints are https://. The files are read when
// the client is made (base::Error when they do not work), and again when they change.

#include <string>

namespace kv {

struct ClientTls {
  std::string ca_file = {};           // PEM: who signs the store's certificate; empty: the system's authorities
  std::string certificate_file = {};  // PEM, for a store that asks for one; with its key
  std::string key_file = {};
  bool insecure_skip_verify = false;  // take any certificate of the store
};

// $CLUSTEROS_CA_FILE, $CLUSTEROS_CERT_FILE and $CLUSTEROS_KEY_FILE, which hold for every program that asks the store.
ClientTls tls_from_environment();

}  // namespace kv
