#pragma once
// TLS from files: the settings of one listener or one kind of connection, read from PEM files and read again when those
// change. TLS 1.2 and 1.3, ciphers with forward secrecy and authenticated encryption, no renegotiation and no
// resumption (a resumed session would outlive the certificate that was taken out of use).

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

struct ssl_st;  // OpenSSL's SSL

namespace boost::asio::ssl {
class context;
}

namespace base {

struct TlsFiles {
  std::string certificate_file = {};  // PEM: ours, and the intermediate ones behind it
  std::string key_file = {};
  std::string ca_file = {};   // PEM: who may sign the other side's certificate
  std::string crl_file = {};  // PEM: what they have revoked; needs ca_file
  // Server: the client must show a certificate that `ca_file` signs, else its handshake fails.
  bool require_client_certificate = false;
  // Client: take any certificate (the other side made its own).
  bool insecure_skip_verify = false;
  // TLS 1.2 suites by their IANA names ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"); empty: our choice.
  std::vector<std::string> cipher_suites = {};
  // Server: what the client's certificate must say besides (subject CN; a host name it is valid for); empty: anything.
  std::string allowed_common_name = {};
  std::string allowed_host_name = {};

  bool operator==(const TlsFiles&) const = default;
};

// What the other side of a connection showed in its handshake.
struct TlsPeer {
  bool verified = false;
  std::string common_name = {};  // of the certificate's subject; "" without a verified certificate
};

// The contexts made of the files. Any thread.
class TlsContexts {
 public:
  using ContextPtr = std::shared_ptr<boost::asio::ssl::context>;

  // Reads the files. Throws Error: what is missing, unreadable, does not fit together, or which suite is unknown.
  explicit TlsContexts(TlsFiles files, const Clock& clock = system_clock());
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  // For accepting and for connecting. A connection keeps the context it began with. At most once a second the files are
  // looked at; when one has changed they are read again. Files that do not work keep the old ones and make one line in
  // the log. client() verifies the other side's chain; its host name is the caller's to verify.
  ContextPtr server();
  ContextPtr client();

  const TlsFiles& files() const { return files_; }

  // After a handshake: whether the client may go on by allowed_common_name and allowed_host_name; else why not.
  std::string refusal(ssl_st* connection) const;

 private:
  void refresh();

  const TlsFiles files_;
  const Clock& clock_;
  std::mutex mutex_;
  ContextPtr server_;  // none without a certificate
  ContextPtr client_;  // made when first asked for: it may need the authorities of the whole world
  std::string seen_;   // the files' state at the last try to read them
  Clock::Time next_look_{};
};

TlsPeer tls_peer(ssl_st* connection);

}  // namespace base
