#include "kv/watch_streams.h"

#include <doctest/doctest.h>

#include <deque>

#include "base/json.h"
#include "base/text.h"

namespace {

// An answer whose client takes what the test lets it take.
struct HeldReply : base::HttpReply {
  std::string taken;
  std::string waiting;
  bool takes_all = true;
  bool finished = false;
  std::function<void()> drained;
  std::function<void()> closed;

  void send(base::HttpResponse) override { FAIL("a watch has a head already"); }
  void start(base::HttpResponse) override { FAIL("a watch has a head already"); }
  void write(std::string data) override { (takes_all ? taken : waiting) += data; }
  void finish() override { finished = true; }
  std::size_t pending_bytes() const override { return waiting.size(); }
  void on_drained(std::function<void()> callback) override { drained = std::move(callback); }
  void on_close(std::function<void()> callback) override { closed = std::move(callback); }

  void close() {
    const auto forgotten = std::exchange(drained, nullptr);
    if (auto callback = std::exchange(closed, nullptr)) callback();
  }
  void drain() {
    taken += std::exchange(waiting, {});
    if (auto callback = std::exchange(drained, nullptr)) callback();
  }
};

struct WatchFixture {
  kv::Store store{{.events = 50, .bytes = 1'000'000}};
  kv::WatchHub hub;
  std::deque<std::function<void()>> posted;
  kv::WatchStreams streams{store,
                           hub,
                           [this](std::function<void()> work) { posted.push_back(std::move(work)); },
                           {.watchers = 3, .pending_bytes = 1000, .turn_bytes = 2000, .turn_events = 10}};
  std::uint64_t entry = 0;

  void set(const std::string& key, std::size_t size = 1) {
    kv::Applied applied = store.apply({.key = "/1" + key, .value = std::string(size, 'v')}, ++entry, 1);
    for (const kv::EventPtr& event : applied.events) hub.notify(event);
  }
  // In one revision.
  void put_all(const std::vector<std::string>& keys, std::size_t size = 1) {
    kv::Transaction transaction;
    for (const std::string& key : keys) {
      transaction.success.push_back({kv::PutRequest{.key = key, .value = std::string(size, 'v')}});
    }
    kv::Applied applied =
        store.apply({.operation = kv::Operation::kTransaction, .value = kv::encode(transaction)}, ++entry, 1);
    for (const kv::EventPtr& event : applied.events) hub.notify(event);
  }
  std::shared_ptr<HeldReply> watch(const std::string& key, bool stream, std::uint64_t since, bool takes_all = true) {
    auto reply = std::make_shared<HeldReply>();
    reply->takes_all = takes_all;
    streams.begin({"/1" + key, true, stream, since}, reply);
    return reply;
  }
  void run_posted() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      work();
    }
  }
  // "3 4 5": the modified indices of all events, and the code of an error.
  static std::string seen(const HeldReply& reply) {
    std::string out;
    for (const std::string& line : base::split(reply.taken, '\n')) {
      if (line.empty()) continue;
      const base::Json json = base::Json::parse(line);
      out += json.contains("errorCode") ? std::format("error {} ", base::json_integer(json, "errorCode"))
                                        : std::format("{} ", base::json_integer(json["node"], "modifiedIndex"));
    }
    return out + (reply.finished ? "end" : "");
  }
};

TEST_CASE_FIXTURE(WatchFixture, "watch streams: a long poll has the first event, past or to come") {
  set("/a");
  set("/b");
  CHECK(seen(*watch("/b", false, 1)) == "2 end");
  auto live = watch("/a", false, 3);
  CHECK(seen(*live).empty());
  set("/b");
  set("/a");
  set("/a");
  CHECK(seen(*live) == "4 end");
  live.reset();
  CHECK(streams.open() == 0);
  CHECK(hub.size() == 0);
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: a past that is long comes in turns of the loop, then what is new") {
  for (int i = 0; i < 35; ++i) set(i % 2 == 0 ? "/a" : "/b");
  auto stream = watch("/a", true, 1);
  CHECK(posted.size() == 1);
  CHECK(seen(*stream) == "1 3 5 7 9 ");
  set("/a");
  run_posted();
  CHECK(seen(*stream) == "1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31 33 35 36 ");
  set("/b");
  set("/a");
  CHECK(seen(*stream) == "1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31 33 35 36 38 ");
  CHECK(streams.open() == 1);
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: the events of one revision come together, each once") {
  put_all({"/d/a", "/e", "/d/b"});
  auto past = watch("/d", true, 1);
  CHECK(seen(*past) == "1 1 ");
  CHECK(seen(*watch("/d", false, 1)) == "1 end");
  put_all({"/d/a", "/e", "/d/b"});
  CHECK(seen(*past) == "1 1 2 2 ");
  // One who is slow is not left in the middle of a revision.
  auto slow = watch("/d", true, 3, false);
  put_all({"/d/a", "/d/b", "/d/c"}, 600);
  put_all({"/d/a", "/d/b"});
  slow->drain();
  CHECK(seen(*slow) == "3 3 3 ");
  slow->drain();
  CHECK(seen(*slow) == "3 3 3 4 4 ");
  CHECK(seen(*past) == "1 1 2 2 3 3 3 4 4 ");
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: a slow client holds few bytes and misses nothing") {
  auto slow = watch("", true, 1, false);
  std::string expected;
  for (int i = 1; i <= 40; ++i) {
    set("/a", 300);
    expected += std::to_string(i) + " ";
    CHECK(slow->waiting.size() < 2500);
  }
  CHECK(hub.size() == 0);
  CHECK(streams.open() == 1);
  for (int turn = 0; turn < 40; ++turn) {
    slow->drain();
    run_posted();
    CHECK(slow->waiting.size() < 2500);
  }
  CHECK(seen(*slow) == expected);
  set("/a");
  slow->drain();
  CHECK(seen(*slow) == expected + "41 ");
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: a client that the history has left behind is told where it was") {
  auto slow = watch("", true, 1, false);
  for (int i = 1; i <= 200; ++i) set("/a", 300);
  slow->drain();
  run_posted();
  slow->drain();
  const std::string got = seen(*slow);
  CHECK(got.ends_with("error 401 end"));
  const auto behind = static_cast<std::uint64_t>(std::ranges::count(got, ' ') - 2);  // events, from 1 on
  CHECK(
      slow->taken.ends_with("{\"errorCode\":401,\"message\":\"The event in requested index is outdated and "
                            "cleared\",\"cause\":\"the requested "
                            "history has been cleared [151/" +
                            std::to_string(behind + 1) + "]\",\"index\":200}\n"));
  CHECK(got.starts_with("1 2 "));
  slow.reset();
  CHECK(streams.open() == 0);
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: one that is closed is forgotten, wherever it waits") {
  auto live = watch("/a", true, 1);
  for (int i = 0; i < 30; ++i) set("/b", 300);
  auto from_history = watch("/b", true, 1);
  auto slow = watch("/b", true, 1, false);
  CHECK(streams.full());
  for (auto* reply : {&live, &from_history, &slow}) {
    (*reply)->close();
    reply->reset();
  }
  run_posted();
  CHECK(streams.open() == 0);
  CHECK(hub.size() == 0);
}

TEST_CASE_FIXTURE(WatchFixture, "watch streams: a state that was replaced ends them all, streams with a word") {
  auto stream = watch("/a", true, 1);
  auto poll = watch("/a", false, 1);
  hub.clear();
  CHECK(seen(*poll) == "end");
  CHECK(stream->taken == "{\"errorCode\":400,\"message\":\"watcher is cleared due to etcd recovery\",\"index\":0}\n");
  CHECK(stream->finished);
}

}  // namespace
