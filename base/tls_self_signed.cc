#include "base/tls_self_signed.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <format>
#include <memory>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

namespace base {
namespace {

using std::chrono::system_clock;

constexpr std::chrono::days kValidity{365};
constexpr std::chrono::days kRenewal{7};

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

void require(bool worked, std::string_view step) {
  if (!worked) throw Error("make a certificate", step, "OpenSSL refused");
}

std::string contents(const Memory& memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// subjectAltName's text form. What is no address is a name.
std::string alternative_names(const std::vector<std::string>& hosts) {
  std::vector<std::string> names;
  for (const std::string& host : hosts) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
    names.push_back((address != nullptr ? "IP:" : "DNS:") + host);
    ASN1_OCTET_STRING_free(address);
  }
  return join(names, ",");
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value);
}

Certificate make_certificate(EVP_PKEY* key, const std::vector<std::string>& hosts, system_clock::time_point now) {
  Certificate certificate(X509_new());
  require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "version");
  const std::string serial = *unhex("01" + system_random().hex_string(15));
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), 16, nullptr);
  const bool numbered = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get())) != nullptr;
  BN_free(number);
  require(numbered, "serial number");
  const std::time_t begin = system_clock::to_time_t(now - std::chrono::hours(1));
  const std::time_t end = system_clock::to_time_t(now + kValidity);
  require(ASN1_TIME_set(X509_getm_notBefore(certificate.get()), begin) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end) != nullptr,
          "time");
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto* organization = reinterpret_cast<const unsigned char*>("etcd");
  require(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, organization, -1, -1, 0) == 1, "subject");
  require(X509_set_issuer_name(certificate.get(), name) == 1, "issuer");
  require(X509_set_pubkey(certificate.get(), key) == 1, "key");
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  if (!hosts.empty()) add_extension(certificate.get(), NID_subject_alt_name, alternative_names(hosts));
  require(X509_sign(certificate.get(), key, EVP_sha256()) > 0, "signature");
  return certificate;
}

// True when the file holds a certificate that lasts until after kRenewal.
bool still_good(const std::string& path, system_clock::time_point now) {
  const auto text = read_file_if_exists(path);
  if (!text) return false;
  const Memory memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  const Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!certificate) return false;
  std::time_t limit = system_clock::to_time_t(now + kRenewal);
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &limit) > 0;
}

}  // namespace

SelfSigned self_signed_certificate(const std::string& directory, const std::vector<std::string>& hosts,
                                   const Clock& clock) {
  const SelfSigned files{directory + "/cert.pem", directory + "/key.pem"};
  if (exists(files.key_file) && still_good(files.certificate_file, clock.wall_now())) return files;
  make_directories(directory, 0700);
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  require(key != nullptr, "key");
  const Certificate certificate = make_certificate(key.get(), hosts, clock.wall_now());
  const Memory key_text(BIO_new(BIO_s_mem()));
  const Memory certificate_text(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "PEM");
  require(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1, "PEM");
  write_file_atomic(files.key_file, contents(key_text), 0600);
  write_file_atomic(files.certificate_file, contents(certificate_text), 0600);
  return files;
}

}  // namespace base
