// Two members' transports over loopback.

#include "kv/peer_transport.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

namespace {

// A member whose peer port is served by a thread of its own.
struct Other {
  base::EventLoop loop;
  kv::PeerStats stats{base::system_clock()};
  kv::PeerTransport transport;
  base::HttpServer server;
  std::string url;
  std::thread thread;

  explicit Other(kv::PeerTransport::Callbacks callbacks)
      : transport(loop, stats, {.cluster_id = 7, .member_id = 2}, std::move(callbacks)),
        server(loop, {},
               [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                 transport.handle(request, reply);
               }),
        url("http://127.0.0.1:" + std::to_string(server.listen_tcp("127.0.0.1", 0))),
        thread([this] { loop.run(); }) {}
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;
  ~Other() {
    loop.post([this] {
      transport.close();
      server.close();
      loop.stop();
    });
    thread.join();
  }
};

kv::PeerTransport::Callbacks no_callbacks() {
  return {.receive = [](std::uint64_t, const kv::PeerMessage&) {},
          .disconnected = [](std::uint64_t) {},
          .unreachable = [](std::uint64_t) {},
          .removed = [](std::uint64_t) { return false; },
          .members = [] { return std::vector<kv::Member>(); },
          .removed_ourselves = [] {}};
}

std::string text(std::uint64_t sequence) {
  return encode(kv::PeerMessage(kv::PeerReadRequest{sequence}));
}

TEST_CASE("peer transport: messages are taken before the loop comes to them") {
  Other other(no_callbacks());
  base::EventLoop loop;  // never runs: it has too much to do
  kv::PeerStats stats(base::system_clock());
  std::vector<std::uint64_t> got;
  kv::PeerTransport::Callbacks callbacks = no_callbacks();
  callbacks.receive = [&](std::uint64_t from, const kv::PeerMessage& message) {
    CHECK(from == 2);
    got.push_back(std::get<kv::PeerReadRequest>(message).sequence);
  };
  kv::PeerTransport transport(loop, stats, {.cluster_id = 7, .member_id = 1}, std::move(callbacks));
  transport.set_peers({{.id = 2, .peer_urls = {other.url}}});
  // Repeated until the stream is there; then the rest follows on it, in order.
  std::atomic<bool> sent = false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!sent && std::chrono::steady_clock::now() < deadline) {
    std::promise<bool> answer;
    other.loop.post([&] { answer.set_value(other.transport.send(1, text(1))); });
    sent = answer.get_future().get();
  }
  REQUIRE(sent);
  other.loop.post([&] { other.transport.send(1, text(2)); });
  while (got.size() < 2 && std::chrono::steady_clock::now() < deadline) transport.run_waiting();
  CHECK(got == std::vector<std::uint64_t>{1, 2});
}

}  // namespace
