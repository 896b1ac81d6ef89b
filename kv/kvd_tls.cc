#include "kv/kvd_tls.h"

#include "base/tls_self_signed.h"

namespace kv {

namespace {

std::shared_ptr<base::TlsContexts> contexts(base::TlsFiles files, bool automatic, const std::string& directory,
                                            const std::vector<base::Url>& listen) {
  if (automatic) {
    std::vector<std::string> hosts;
    for (const base::Url& url : listen) hosts.push_back(url.host);
    const base::SelfSigned made = base::self_signed_certificate(directory, hosts);
    files.certificate_file = made.certificate_file;
    files.key_file = made.key_file;
  }
  if (files.certificate_file.empty()) return nullptr;
  return std::make_shared<base::TlsContexts>(std::move(files));
}

}  // namespace

std::shared_ptr<base::TlsContexts> client_tls_contexts(const KvdOptions& options) {
  return contexts(options.client_tls, options.client_auto_tls, options.data_dir + "/fixtures/client",
                  options.listen_client_urls);
}

std::shared_ptr<base::TlsContexts> peer_tls_contexts(const KvdOptions& options) {
  base::TlsFiles files = options.peer_tls;
  files.insecure_skip_verify = options.peer_auto_tls;
  return contexts(std::move(files), options.peer_auto_tls, options.data_dir + "/fixtures/peer",
                  options.listen_peer_urls);
}

}  // namespace kv
