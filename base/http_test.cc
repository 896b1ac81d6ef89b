// The server and the client against each other, over TCP and unix sockets on loopback.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <semaphore>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/test_server.h"

namespace base {
namespace {

using namespace std::chrono_literals;

// Spoken to by hand too.
class PlainServer : public TestServer {
 public:
  using TestServer::TestServer;

  Fd connect() const {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(url().port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "connect");
    return socket;
  }

  // Sends raw bytes and returns everything until the server closes.
  std::string raw(const std::string& bytes) const {
    const Fd socket = connect();
    write_all(socket, bytes);
    ::shutdown(socket.get(), SHUT_WR);
    return read_all(socket);
  }
};

void echo(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) {
  HttpResponse response{200, {}, request.method + " " + request.target + " " + request.body};
  response.headers.set("X-Test", request.headers.get("x-sent"));
  reply->send(std::move(response));
}

TEST_CASE("a request and its answer, on one kept connection") {
  PlainServer server(echo);
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    HttpRequest request{.method = "PUT", .target = "/a?b=c", .headers = {}, .body = "body", .peer = ""};
    request.headers.set("X-Sent", "yes");
    const HttpResponse response = client.request(server.url(), request);
    CHECK(response.status == 200);
    CHECK(response.body == "PUT /a?b=c body");
    CHECK(response.headers.get("x-test") == "yes");
  }
  CHECK(client.request_unix(server.socket_path(), {}).body == "GET / ");
}

// Listens on a free port of loopback.
Fd listen_anywhere(std::uint16_t& port) {
  Fd listener(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind");
  check(::listen(listener.get(), 8), "listen");
  socklen_t length = sizeof(address);
  check(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

std::string read_some(const Fd& fd) {
  char buffer[4096];
  return {buffer, static_cast<std::size_t>(check(::read(fd.get(), buffer, sizeof(buffer)), "read"))};
}

// The method of the first request that comes on a new connection after one kept connection died under `method`.
std::string first_word_after_cut(const std::string& method) {
  Url url = parse_url("http://127.0.0.1:1");
  const Fd listener = listen_anywhere(url.port);
  std::string first_word;
  std::jthread server([&] {
    {
      const Fd kept(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      read_some(kept);
      write_all(kept, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      read_some(kept);
    }
    const Fd next(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string text = read_some(next);
    first_word = text.substr(0, text.find(' '));
    write_all(next, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  HttpClient client;
  client.request(url, {});
  HttpRequest request;
  request.method = method;
  try {
    client.request(url, request);
  } catch (const Error&) {
    HttpRequest next;
    next.method = "OPTIONS";
    client.request(url, next);
  }
  server.join();
  return first_word;
}

TEST_CASE("when a kept connection dies, what reads is asked again and what writes is not") {
  CHECK(first_word_after_cut("GET") == "GET");
  CHECK(first_word_after_cut("PUT") == "OPTIONS");
}

TEST_CASE("HEAD has a length and no body") {
  PlainServer server(echo);
  HttpClient client;
  HttpRequest request;
  request.method = "HEAD";
  const HttpResponse response = client.request(server.url(), request);
  CHECK(response.headers.get("Content-Length") == "7");
  CHECK(response.body.empty());
  CHECK(client.request(server.url(), {}).body == "GET / ");
}

TEST_CASE("pipelined requests are answered in order") {
  PlainServer server(echo);
  const std::string answers = server.raw("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answers.find("GET /1") != std::string::npos);
  CHECK(answers.find("GET /1") < answers.find("GET /2"));
}

TEST_CASE("a request may come in pieces") {
  PlainServer server(echo);
  const std::string chunked =
      "PUT /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
  const Fd socket = server.connect();
  for (std::size_t at = 0; at < chunked.size(); at += 7) {
    write_all(socket, chunked.substr(at, 7));
    std::this_thread::yield();
  }
  write_all(socket, "PUT /q HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  std::string got;
  while (!got.contains("100 Continue")) got += read_some(socket);
  CHECK(got.contains("PUT /p abcdefg"));
  CHECK_FALSE(got.contains("/q"));
  write_all(socket, "body");
  ::shutdown(socket.get(), SHUT_WR);
  CHECK(read_all(socket).contains("PUT /q body"));
  // One that ends in its middle is not handled.
  CHECK_FALSE(server.raw("PUT /r HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbod").contains("/r"));
}

TEST_CASE("an answer may be more than the socket takes at once") {
  const std::string large(7 * 1024 * 1024, 'x');
  PlainServer server(
      [&](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) { reply->send({200, {}, large}); });
  const std::string answers = server.raw("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answers.size() > 2 * large.size());
  CHECK(answers.ends_with(large));
}

TEST_CASE("bounds have their own answers") {
  HttpServerOptions options;
  options.max_body_bytes = 100;
  options.max_header_bytes = 1000;
  PlainServer server(echo, options);
  CHECK(server.raw("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'))
            .starts_with("HTTP/1.1 413 "));
  CHECK(server.raw("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
  CHECK(server.raw("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a request that comes too slowly is closed without an answer, however busily it comes") {
  PlainServer server(echo, {.idle_timeout = 200ms});
  const Fd silent = server.connect();
  CHECK(read_all(silent).empty());
  const Fd slow = server.connect();
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
  write_all(slow, head);
  // A byte for each time that another connection is given up: many times its own deadline.
  std::size_t rounds = 0;
  for (bool open = true; open && rounds < 20; ++rounds) {
    const Fd other = server.connect();
    CHECK(read_all(other).empty());
    open = ::send(slow.get(), "x", 1, MSG_NOSIGNAL) == 1;
  }
  CHECK(rounds < 10);
}

TEST_CASE("a stream arrives piece by piece") {
  std::shared_ptr<HttpReply> kept;
  std::promise<void> started;
  PlainServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    kept = std::move(reply);
    kept->start({200, {}, ""});
    kept->write("one\n");
    started.set_value();
  });
  HttpClient client;
  std::string got;
  client.stream(
      server.url(), {}, 5s, [](const HttpResponse& head) { return head.status == 200; },
      [&](std::string_view data) {
        got += data;
        if (got == "one\n") {
          server.loop().post([&] {
            kept->write("two\n");
            kept->finish();
            kept.reset();
          });
        }
        return true;
      });
  CHECK(got == "one\ntwo\n");
}

TEST_CASE("a stream is told when its client has taken all, and nothing is lost on the way") {
  constexpr int kRounds = 3;
  std::shared_ptr<HttpReply> kept;
  std::counting_semaphore<kRounds> filled(0);
  std::atomic<std::ptrdiff_t> written = 0;
  int rounds = 0;
  std::function<void()> fill;
  PlainServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    kept = std::move(reply);
    kept->start({200, {}, ""});
    fill();
  });
  fill = [&] {
    if (++rounds > kRounds) return kept->finish();
    for (; kept->pending_bytes() < 300'000; written += 100'000) kept->write(std::string(100'000, 'x'));
    kept->on_drained([&] {
      CHECK(kept->pending_bytes() == 0);
      fill();
    });
    filled.release();
  };
  const Fd socket = server.connect();
  write_all(socket, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  std::string got;
  std::ptrdiff_t taken = 0;
  for (int round = 0; round < kRounds; ++round) {
    // The client takes what was written, then waits: if it went on, it might be as fast as the server, for ever.
    filled.acquire();
    std::string part(64 * 1024, '\0');
    for (const std::ptrdiff_t all = written; taken < all;) {
      const ssize_t size = ::recv(socket.get(), part.data(), part.size(), 0);
      REQUIRE(size > 0);
      taken += std::count(part.begin(), part.begin() + size, 'x');
      got.append(part, 0, static_cast<std::size_t>(size));
    }
  }
  got += read_all(socket);
  CHECK(rounds == kRounds + 1);
  CHECK(std::ranges::count(got, 'x') == written);
  CHECK(got.ends_with("0\r\n\r\n"));
}

TEST_CASE("a client goes away while a stream waits for it, which nothing else holds") {
  std::promise<void> closed;
  PlainServer server([&](const HttpRequest&, const std::shared_ptr<HttpReply>& reply) {
    reply->start({200, {}, ""});
    reply->write(std::string(20'000'000, 'x'));
    reply->on_close([&] { closed.set_value(); });
    reply->on_drained([reply] { reply->finish(); });
  });
  {
    const Fd socket = server.connect();
    write_all(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    char byte = 0;
    CHECK(::recv(socket.get(), &byte, 1, 0) == 1);
  }
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

TEST_CASE("a client that takes nothing of its answer is closed") {
  std::promise<void> closed;
  std::shared_ptr<HttpReply> kept;
  std::shared_ptr<HttpReply> whole_reply;
  PlainServer server(
      [&](const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
        if (request.target == "/whole") {
          whole_reply = reply;
          return reply->send({200, {}, std::string(20'000'000, 'x')});
        }
        kept = std::move(reply);
        kept->on_close([&] { closed.set_value(); });
        kept->start({200, {}, ""});
        kept->write(std::string(20'000'000, 'x'));
      },
      {.idle_timeout = 200ms});
  const Fd stream = server.connect();
  const Fd whole = server.connect();
  write_all(whole, "GET /whole HTTP/1.1\r\nHost: x\r\n\r\n");
  write_all(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
  // Nothing of the whole answer waits any more when its connection was closed as well.
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  std::size_t waiting = 1;
  while (waiting > 0 && std::chrono::steady_clock::now() < deadline) {
    std::promise<std::size_t> told;
    server.loop().post([&] { told.set_value(whole_reply ? whole_reply->pending_bytes() : 1); });
    waiting = told.get_future().get();
  }
  CHECK(waiting == 0);
  CHECK(std::ranges::count(read_all(stream, 30'000'000), 'x') < 20'000'000);
  CHECK(std::ranges::count(read_all(whole, 30'000'000), 'x') < 20'000'000);
}

TEST_CASE("a client that goes away is noticed") {
  std::promise<void> closed;
  std::shared_ptr<HttpReply> kept;
  PlainServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    kept = std::move(reply);
    kept->on_close([&] {
      kept.reset();
      closed.set_value();
    });
    kept->start({200, {}, ""});
  });
  {
    HttpClient client;
    client.stream(
        server.url(), {}, 5s, [](const HttpResponse&) { return false; }, [](std::string_view) { return true; });
  }
  CHECK(closed.get_future().wait_for(5s) == std::future_status::ready);
}

TEST_CASE("a wait for ever is ended by cancel") {
  std::shared_ptr<HttpReply> kept;
  std::promise<void> arrived;
  PlainServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) {
    kept = std::move(reply);
    arrived.set_value();
  });
  HttpClient client;
  std::jthread canceller([&] {
    arrived.get_future().wait();
    client.cancel();
  });
  const auto wait = [&] {
    client.stream(
        server.url(), {}, 0ms, [](const HttpResponse&) { return true; }, [](std::string_view) { return true; });
  };
  CHECK_THROWS_WITH_AS(wait(), doctest::Contains("cancelled"), Error);
  CHECK_THROWS_WITH_AS(wait(), doctest::Contains("cancelled"), Error);
}

TEST_CASE("an answer that nobody gives is 500, an exception too") {
  PlainServer server([](const HttpRequest& request, const std::shared_ptr<HttpReply>&) {
    if (request.target == "/throw") throw Error("open", "x", ENOENT);
  });
  HttpClient client;
  CHECK(client.request(server.url(), {}).status == 500);
  HttpRequest request;
  request.target = "/throw";
  CHECK(client.request(server.url(), request).status == 500);
}

TEST_CASE("a late server, a dead port and a forged header are errors") {
  std::shared_ptr<HttpReply> kept;
  PlainServer server([&](const HttpRequest&, std::shared_ptr<HttpReply> reply) { kept = std::move(reply); });
  HttpClientOptions options;
  options.io_timeout = 50ms;
  HttpClient client(options);
  CHECK_THROWS_WITH_AS(client.request(server.url(), {}), doctest::Contains("no answer within 50 ms"), Error);
  CHECK_THROWS_AS(client.request(parse_url("http://127.0.0.1:1"), {}), Error);
  HttpRequest request;
  request.headers.set("X", "a\r\nY: b");
  CHECK_THROWS_AS(client.request(server.url(), request), Error);
}

}  // namespace
}  // namespace base
