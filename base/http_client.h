#pragma once
// A blocking HTTP/1.1 client with TLS: connections are kept, every step has a deadline, bodies are bounded or streamed.
// One object a thread; cancel() alone may come from another one.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/url.h"

namespace base {

class TlsContexts;

struct HttpClientOptions {
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds io_timeout{30000};    // longest wait for the next bytes
  std::size_t max_body_bytes = 64 * 1024 * 1024;  // of a response that is not streamed
  std::string ca_file;                            // PEM; empty: the system's /etc/ssl/certs/ca-certificates.crt
  std::string certificate_file;                   // PEM, for mutual TLS
  std::string key_file;
  bool insecure_skip_verify = false;
  // In the place of the four above: files that are read again when they change, for the connections made from then on.
  std::shared_ptr<TlsContexts> tls = {};
};

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `url` gives scheme (http, https), host and port; request.target the path. Redirects are the caller's (they differ
  // in what may follow). A status of 400 or more is a value. Throws Error when there was no whole answer.
  HttpResponse request(const Url& url, const HttpRequest& request);

  // The same over a unix socket.
  HttpResponse request_unix(const std::string& socket_path, const HttpRequest& request);

  // Streams the body: `on_head` gets status and headers (body empty), `on_data` each piece; either returns false to end
  // the exchange early. `io_timeout` 0 in this call means: wait for ever (watches), ended by cancel().
  void stream(const Url& url, const HttpRequest& request, std::chrono::milliseconds io_timeout,
              const std::function<bool(const HttpResponse&)>& on_head,
              const std::function<bool(std::string_view)>& on_data);

  // Ends the exchange under way (it throws Error "cancelled") and every later one. Any thread.
  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace base
