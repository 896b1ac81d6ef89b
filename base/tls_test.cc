// TLS contexts from files, and the server and the client over them, with certificates that are made here. Authorities,
// mutual TLS and curl are in tests/blackbox/kvd_tls_test.sh.
#include "base/tls.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cstdio>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/temp_dir.h"
#include "base/test_server.h"
#include "base/tls_self_signed.h"

namespace base {
namespace {

using namespace std::chrono_literals;

TlsFiles files_in(const std::string& directory) {
  const SelfSigned made = self_signed_certificate(directory, {"127.0.0.1", "localhost"});
  TlsFiles files;
  files.certificate_file = made.certificate_file;
  files.key_file = made.key_file;
  return files;
}

// With a certificate that it made itself.
class TlsServer {
 public:
  explicit TlsServer(HttpServer::Handler handler, HttpServerOptions options = {})
      : files_(files_in(directory_.path())),
        server_(std::move(handler), options, std::make_shared<TlsContexts>(files_)) {}

  const Url& url() const { return server_.url(); }
  EventLoop& loop() { return server_.loop(); }
  HttpClientOptions trusting() const {
    HttpClientOptions options;
    options.ca_file = files_.certificate_file;
    return options;
  }

 private:
  TempDir directory_;
  TlsFiles files_;
  TestServer server_;
};

void echo(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
  reply->send({200, {}, request.method + " " + request.body});
}

TEST_CASE("TLS: requests, large bodies and answers given later, on one kept connection") {
  EventLoop* loop = nullptr;
  TlsServer server([&](const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
    if (request.target != "/later") return echo(request, reply);
    loop->post([request, reply = std::move(reply)] { echo(request, reply); });
  });
  loop = &server.loop();
  HttpClient client(server.trusting());
  const std::string large(1'000'000, 'x');
  for (const char* target : {"/now", "/later", "/later", "/now"}) {
    HttpRequest request;
    request.method = "PUT";
    request.target = target;
    request.body = large;
    const HttpResponse response = client.request(server.url(), request);
    CHECK(response.status == 200);
    CHECK(response.body == "PUT " + large);
  }
}

TEST_CASE("TLS: who is not trusted gets no request, what is no TLS no answer") {
  TlsServer server(echo);
  HttpClient trusts_others;
  CHECK_THROWS_WITH_AS(trusts_others.request(server.url(), {}), doctest::Contains("TLS handshake"), Error);
  HttpClientOptions other_name = server.trusting();
  Url by_name = server.url();
  by_name.host = "ip6-localhost.localhost";
  HttpClient wrong_host(other_name);
  CHECK_THROWS_AS(wrong_host.request(by_name, {}), Error);
  Url plain = server.url();
  plain.scheme = "http";
  HttpClient without;
  CHECK_THROWS_WITH_AS(without.request(plain, {}), doctest::Contains("end of stream"), Error);
  HttpClient client(server.trusting());
  CHECK(client.request(server.url(), {}).status == 200);
}

TEST_CASE("TLS: who does not shake hands in time is closed") {
  HttpServerOptions options;
  options.handshake_timeout = 50ms;
  TlsServer server(echo, options);
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.url().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "connect");
  write_all(socket, std::string_view("\x16\x03\x01\x02\x00\x01", 6));  // the head of a record, and no more
  CHECK(read_all(socket).empty());
}

TEST_CASE("TLS: a stream arrives piece by piece, and its client's end is noticed") {
  std::shared_ptr<HttpReply> kept;
  std::promise<void> closed;
  TlsServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    kept = std::move(reply);
    kept->on_close([&] {
      kept.reset();
      closed.set_value();
    });
    kept->start({200, {}, ""});
    kept->write("one\n");
  });
  {
    HttpClient client(server.trusting());
    std::string got;
    client.stream(
        server.url(), {}, 5s, [](const HttpResponse& head) { return head.status == 200; },
        [&](std::string_view data) {
          got += data;
          if (got == "one\n") server.loop().post([&] { kept->write("two\n"); });
          return got != "one\ntwo\n";
        });
    CHECK(got == "one\ntwo\n");
  }
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

// A certificate with this common name that is its own authority, and its key.
TlsFiles named_files(const std::string& directory, const std::string& common_name) {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
  TlsFiles files{.certificate_file = directory + "/" + common_name + ".pem",
                 .key_file = directory + "/" + common_name + ".key"};
  std::FILE* out = std::fopen(files.certificate_file.c_str(), "w");
  PEM_write_X509(out, certificate);
  std::fclose(out);
  out = std::fopen(files.key_file.c_str(), "w");
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

TEST_CASE("TLS: the name in the client's certificate is told, and may be asked for") {
  const TempDir directory;
  const TlsFiles one = named_files(directory.path(), "one");
  const TlsFiles two = named_files(directory.path(), "two");
  TlsFiles server_files = files_in(directory.path());
  server_files.ca_file = directory.path() + "/both.pem";
  write_file_atomic(server_files.ca_file, read_file(one.certificate_file) + read_file(two.certificate_file));
  server_files.require_client_certificate = true;
  TlsFiles picky = server_files;
  picky.allowed_common_name = "two";

  EventLoop loop;
  HttpServer server(loop, {}, [](const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
    reply->send({200, {}, std::format("{} {}", request.encrypted, request.certificate_name)});
  });
  Url any = parse_url("https://127.0.0.1:1");
  any.port = server.listen_tls("127.0.0.1", 0, std::make_shared<TlsContexts>(server_files));
  Url only_two = any;
  only_two.port = server.listen_tls("127.0.0.1", 0, std::make_shared<TlsContexts>(picky));
  std::thread thread([&] { loop.run(); });

  HttpClientOptions options;
  options.ca_file = server_files.certificate_file;
  CHECK_THROWS_AS(HttpClient(options).request(any, {}), Error);
  options.certificate_file = one.certificate_file;
  options.key_file = one.key_file;
  CHECK(HttpClient(options).request(any, {}).body == "true one");
  CHECK_THROWS_AS(HttpClient(options).request(only_two, {}), Error);
  options.certificate_file = two.certificate_file;
  options.key_file = two.key_file;
  CHECK(HttpClient(options).request(only_two, {}).body == "true two");
  loop.post([&] {
    server.close();
    loop.stop();
  });
  thread.join();
}

TEST_CASE("TLS: changed files are read again, broken ones are not used") {
  const TempDir directory;
  ManualClock clock;
  const TlsFiles files = files_in(directory.path());
  TlsContexts contexts(files, clock);
  const auto first = contexts.server();
  CHECK(contexts.server() == first);

  const std::string certificate = read_file(files.certificate_file);
  write_file_atomic(files.certificate_file, "broken");
  CHECK(contexts.server() == first);  // not a second later yet
  clock.advance(1s);
  CHECK(contexts.server() == first);
  write_file_atomic(files.certificate_file, certificate);
  clock.advance(1s);
  const auto second = contexts.server();
  CHECK(second != first);
  clock.advance(1s);
  CHECK(contexts.server() == second);

  const TempDir other;
  const TlsFiles others = files_in(other.path());
  write_file_atomic(files.certificate_file, read_file(others.certificate_file));
  clock.advance(1s);
  CHECK(contexts.server() == second);  // the key does not fit yet
  write_file_atomic(files.key_file, read_file(others.key_file));
  clock.advance(1s);
  CHECK(contexts.server() != second);
}

TEST_CASE("TLS: a client with files that may change takes the new ones for its next connection") {
  TlsServer server(echo);
  const TempDir directory;
  ManualClock clock;
  TlsFiles files;
  files.ca_file = directory.path() + "/ca.pem";
  write_file_atomic(files.ca_file, read_file(files_in(directory.path()).certificate_file));
  HttpClientOptions options;
  options.tls = std::make_shared<TlsContexts>(files, clock);
  HttpClient client(options);
  CHECK_THROWS_WITH_AS(client.request(server.url(), {}), doctest::Contains("TLS handshake"), Error);
  write_file_atomic(files.ca_file, read_file(server.trusting().ca_file));
  clock.advance(1s);
  CHECK(client.request(server.url(), {}).status == 200);
}

TEST_CASE("TLS: what cannot work is said at once") {
  const TempDir directory;
  const TlsFiles good = files_in(directory.path());
  TlsFiles files = good;
  files.key_file = directory.path() + "/none.pem";
  CHECK_THROWS_WITH_AS(TlsContexts{files}, doctest::Contains("none.pem: No such file"), Error);
  files = good;
  files.key_file = good.certificate_file;
  CHECK_THROWS_WITH_AS(TlsContexts{files}, doctest::Contains("load key"), Error);
  files = good;
  files.require_client_certificate = true;
  CHECK_THROWS_WITH_AS(TlsContexts{files}, doctest::Contains("without a file of authorities"), Error);
  files = good;
  files.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
  CHECK(TlsContexts(files).server());
  files.cipher_suites = {"TLS_NO_SUCH_SUITE"};
  CHECK_THROWS_WITH_AS(TlsContexts{files}, doctest::Contains("TLS_NO_SUCH_SUITE: it is unknown"), Error);
  CHECK_THROWS_AS(TlsContexts(TlsFiles{}).server(), Error);
  CHECK(TlsContexts(TlsFiles{}).client());
}

TEST_CASE("TLS: a certificate of its own is made once, and again before it ends") {
  const TempDir directory;
  ManualClock clock(std::chrono::system_clock::now());
  const std::string place = directory.path() + "/fixtures/client";
  const std::string first = read_file(self_signed_certificate(place, {"localhost"}, clock).certificate_file);
  clock.advance(std::chrono::days(350));
  CHECK(read_file(self_signed_certificate(place, {"localhost"}, clock).certificate_file) == first);
  clock.advance(std::chrono::days(10));
  CHECK(read_file(self_signed_certificate(place, {"localhost"}, clock).certificate_file) != first);
}

}  // namespace
}  // namespace base
