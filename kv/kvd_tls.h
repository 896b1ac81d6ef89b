#pragma once
// The TLS contexts of kvd's listeners and connections, from its options.

#include <memory>

#include "base/tls.h"
#include "kv/kvd_options.h"

namespace kv {

// For client URLs (--cert-file and its like). Null where nothing is to be encrypted. With --auto-tls a certificate is
// made in DATA-DIR/fixtures/client for the hosts that are listened on. Throws base::Error.
std::shared_ptr<base::TlsContexts> client_tls_contexts(const KvdOptions& options);

// The same for other members, in both directions: server() accepts them, client() connects to them; the name of the
// host is to be verified by whoever connects, but not with --peer-auto-tls (files().insecure_skip_verify), where nobody
// can tell who the other is.
std::shared_ptr<base::TlsContexts> peer_tls_contexts(const KvdOptions& options);

}  // namespace kv
