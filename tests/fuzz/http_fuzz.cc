// The bytes of a client's connection: the real server reads them from a socket, request after request, and each request
// goes the way of one to the store, as far as its command.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/fd.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/temp_dir.h"
#include "fuzz.h"
#include "kv/go_text.h"
#include "kv/v2_request.h"

namespace {

void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
  fuzz::must(request.body.size() <= 4096, "a body is not larger than was allowed");
  auto path = kv::unescape_path(request.raw_path());
  if (!path) return reply->send({400, {}, ""});
  const std::string clean = kv::clean_url_path(*path);
  if (clean == "/v2/keys" || clean.starts_with("/v2/keys/")) {
    auto parsed = kv::parse_v2_request(request, clean, 1'000'000'000);
    if (std::holds_alternative<kv::StoreError>(parsed)) return reply->send({400, {}, "error\n"});
  }
  // The two ways in which an answer comes.
  if (request.method == "GET") {
    reply->start({});
    reply->write("chunk");
    reply->finish();
  } else {
    reply->send({200, {}, request.body});
  }
}

class Server {
 public:
  Server() : path_(folder_.path() + "/socket"), server_(loop_, options(), handle) {
    base::set_log_level(base::LogLevel::kError);
    server_.listen_unix(path_, 0600);
  }

  // Until the server has closed the connection.
  void take(std::string_view bytes) {
    base::Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    base::check(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    (void)!::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::shutdown(client.get(), SHUT_WR);
    ask_ = [this, fd = client.get()] {
      char buffer[65536];
      const ssize_t count = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return loop_.stop();
      if (++asked_ > 1'000'000) std::abort();  // it does not end
      loop_.post(ask_);
    };
    asked_ = 0;
    loop_.post(ask_);
    loop_.run();
  }

 private:
  static base::HttpServerOptions options() {
    base::HttpServerOptions options;
    options.max_header_bytes = 4096;
    options.max_body_bytes = 4096;
    return options;
  }

  base::TempDir folder_;
  std::string path_;
  base::EventLoop loop_;
  base::HttpServer server_;
  std::function<void()> ask_;
  int asked_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  server.take(fuzz::text_of(data, size));
  return 0;
}
