// What a file is (device, inode, size, times) tells whether it has changed, and so works for a file written in place,
// one renamed over another and a symbolic link that points elsewhere now. A certificate and its key cannot be replaced
// in one step: between the two they do not fit together, the old pair stays in use, and the second step is a change
// again.
#include "base/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ssl.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

namespace base {

namespace ssl = boost::asio::ssl;

namespace {

constexpr std::chrono::seconds kLookInterval{1};
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char kSystemAuthorities[] = "/etc/ssl/certs/ca-certificates.crt";

std::string file_state(const std::string& path) {
  if (path.empty()) return "-";
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::format("errno {}", errno);
  return std::format("{}:{}:{}:{}.{}:{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

std::string state_of(const TlsFiles& files) {
  return join({file_state(files.certificate_file), file_state(files.key_file), file_state(files.ca_file),
               file_state(files.crl_file)},
              " ");
}

// OpenSSL's own list of suites, from IANA's names.
std::string cipher_list(const std::vector<std::string>& suites) {
  if (suites.empty()) return kCiphers;
  std::vector<std::string> names;
  for (const std::string& suite : suites) {
    const std::string name = OPENSSL_cipher_name(suite.c_str());
    if (name == "(NONE)") throw Error("use TLS cipher suite", suite, "it is unknown");
    names.push_back(name);
  }
  return join(names, ":");
}

// OpenSSL's own words for a missing file are "system lib".
void require_readable(const std::string& path) {
  open_file(path, O_RDONLY);
}

void load_revoked(ssl::context& context, const std::string& path) {
  require_readable(path);
  X509_STORE* store = SSL_CTX_get_cert_store(context.native_handle());
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) <= 0) {
    throw Error("load revoked certificates from", path, "no certificate revocation list in PEM format");
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

void load_authorities(ssl::context& context, const std::string& path) {
  require_readable(path);
  boost::system::error_code error;
  context.load_verify_file(path, error);
  if (error) throw Error("load certificates from", path, error.message());
}

std::shared_ptr<ssl::context> make_context(const TlsFiles& files, ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  SSL_CTX* handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_options(
      handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(handle, 0);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);
  // A key under a passphrase is an error; OpenSSL would ask for it at the terminal.
  SSL_CTX_set_default_passwd_cb(handle, [](char*, int, int, void*) { return 0; });
  const std::string ciphers = cipher_list(files.cipher_suites);
  if (SSL_CTX_set_cipher_list(handle, ciphers.c_str()) != 1)
    throw Error("use TLS cipher suites", ciphers, "none works");
  boost::system::error_code error;
  if (!files.certificate_file.empty()) {
    require_readable(files.certificate_file);
    require_readable(files.key_file);
    context->use_certificate_chain_file(files.certificate_file, error);
    if (error) throw Error("load certificate", files.certificate_file, error.message());
    context->use_private_key_file(files.key_file, ssl::context::pem, error);
    if (error) throw Error("load key", files.key_file, error.message());
  }
  return context;
}

std::shared_ptr<ssl::context> make_server(const TlsFiles& files) {
  if (files.certificate_file.empty()) return nullptr;
  auto context = make_context(files, ssl::context::tls_server);
  if (!files.require_client_certificate) return context;
  load_authorities(*context, files.ca_file);
  // The names of the authorities tell a client with several certificates which one to show.
  SSL_CTX_set_client_CA_list(context->native_handle(), SSL_load_client_CA_file(files.ca_file.c_str()));
  if (!files.crl_file.empty()) load_revoked(*context, files.crl_file);
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

std::shared_ptr<ssl::context> make_client(const TlsFiles& files) {
  auto context = make_context(files, ssl::context::tls_client);
  if (files.insecure_skip_verify) return context;
  if (!files.ca_file.empty() || ::access(kSystemAuthorities, R_OK) == 0) {
    load_authorities(*context, files.ca_file.empty() ? kSystemAuthorities : files.ca_file);
  }
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

struct CertificateDeleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using CertificatePtr = std::unique_ptr<X509, CertificateDeleter>;

std::string common_name(X509* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (length < 0) return "";
  std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name;
}

}  // namespace

TlsContexts::TlsContexts(TlsFiles files, const Clock& clock) : files_(std::move(files)), clock_(clock) {
  if (files_.certificate_file.empty() != files_.key_file.empty()) {
    throw Error("set up TLS", "", "a certificate needs its key, and a key its certificate");
  }
  if (files_.require_client_certificate && files_.ca_file.empty()) {
    throw Error("set up TLS", "", "certificates of clients cannot be verified without a file of authorities");
  }
  if (!files_.crl_file.empty() && !files_.require_client_certificate) {
    throw Error("set up TLS", files_.crl_file, "a revocation list has no meaning where no certificate is asked for");
  }
  // Looked at before they are read: a change in between is seen the next time.
  seen_ = state_of(files_);
  server_ = make_server(files_);
  if (!server_) client_ = make_client(files_);
  next_look_ = clock_.now() + kLookInterval;
}

TlsContexts::~TlsContexts() = default;

// REQUIRES: mutex_ is held.
void TlsContexts::refresh() {
  const Clock::Time now = clock_.now();
  if (now < next_look_) return;
  next_look_ = now + kLookInterval;
  std::string state = state_of(files_);
  if (state == seen_) return;
  seen_ = std::move(state);
  try {
    ContextPtr new_server = make_server(files_);
    ContextPtr new_client = client_ ? make_client(files_) : nullptr;
    server_ = std::move(new_server);
    client_ = std::move(new_client);
    log_info("TLS: {} and what belongs to it was read again",
             files_.certificate_file.empty() ? files_.ca_file : files_.certificate_file);
  } catch (const std::exception& error) {
    log_error("TLS: changed files are not used, the ones before stay: {}", error.what());
  }
}

TlsContexts::ContextPtr TlsContexts::server() {
  const std::lock_guard lock(mutex_);
  refresh();
  if (!server_) throw Error("accept TLS", "", "there is no certificate");
  return server_;
}

TlsContexts::ContextPtr TlsContexts::client() {
  const std::lock_guard lock(mutex_);
  refresh();
  if (!client_) client_ = make_client(files_);
  return client_;
}

std::string TlsContexts::refusal(ssl_st* connection) const {
  if (files_.allowed_common_name.empty() && files_.allowed_host_name.empty()) return "";
  const CertificatePtr certificate(SSL_get1_peer_certificate(connection));
  if (!certificate) return "no certificate was shown";
  const std::string name = common_name(certificate.get());
  if (!files_.allowed_common_name.empty() && name != files_.allowed_common_name) {
    return std::format("the certificate's common name is '{}', not '{}'", name, files_.allowed_common_name);
  }
  const std::string& host = files_.allowed_host_name;
  if (!host.empty() && X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) != 1) {
    return std::format("the certificate of '{}' is not valid for '{}'", name, host);
  }
  return "";
}

TlsPeer tls_peer(ssl_st* connection) {
  const CertificatePtr certificate(SSL_get1_peer_certificate(connection));
  const bool asked = (SSL_get_verify_mode(connection) & SSL_VERIFY_PEER) != 0;
  if (!certificate || !asked || SSL_get_verify_result(connection) != X509_V_OK) return {};
  return {true, common_name(certificate.get())};
}

}  // namespace base
