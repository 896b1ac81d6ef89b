#include "kv/peer_transport.h"

#include <cerrno>
#include <condition_variable>
#include <format>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "kv/http_plain.h"
#include "kv/peer_frames.h"

namespace kv {

namespace {

constexpr std::chrono::milliseconds kKeepAlive{1000};
constexpr std::chrono::milliseconds kSilence{5000};  // then a connection is taken for dead
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};
constexpr std::size_t kMaxPosted = 32 * 1024 * 1024;  // bytes that the loop has not taken yet: then we stop reading
constexpr const char* kClusterHeader = "X-Etcd-Cluster-ID";
constexpr const char* kFromHeader = "X-Server-From";
constexpr const char* kToHeader = "X-Raft-To";
constexpr int kGone = 410;

}  // namespace

// Reads one member's messages, from any of its URLs, again and again.
class PeerTransport::Reader {
 public:
  Reader(PeerTransport& transport, std::uint64_t member, std::vector<std::string> urls)
      : transport_(transport),
        alive_(transport.alive_),
        member_(member),
        urls_(std::move(urls)),
        client_(transport.options_.client),
        thread_([this] { run(); }) {}

  ~Reader() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    client_.cancel();
    thread_.join();
  }

  const std::vector<std::string>& urls() const { return urls_; }

 private:
  void run() {
    std::chrono::milliseconds pause = kFirstPause;
    std::string last_error;
    std::size_t refusals = 0;
    for (std::size_t attempt = 0;; ++attempt) {
      bool connected = false;
      bool refused = false;
      std::string error;
      try {
        read_stream(urls_[attempt % urls_.size()], connected);
        error = "the stream ended";
      } catch (const base::Error& failure) {
        error = failure.what();
        refused = failure.error_number() == ECONNREFUSED;
      }
      // One of several URLs tells nothing yet.
      refusals = refused ? refusals + 1 : 0;
      if (refusals == urls_.size()) post([this] { transport_.callbacks_.unreachable(member_); });
      if (connected) {
        pause = kFirstPause;
        last_error.clear();
        post([this] {
          transport_.connected_.erase(member_);
          transport_.callbacks_.disconnected(member_);
        });
      }
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (error != last_error) base::log_info("member {:x}: {}", member_, error);
      last_error = error;
      if (wake_.wait_for(lock, pause, [this] { return stopping_; })) return;
      pause = std::min(2 * pause, kLongestPause);
    }
  }

  void read_stream(const std::string& url, bool& connected) {
    base::HttpRequest request;
    request.target = "/raft/stream";
    request.headers.set(kClusterHeader, id_text(transport_.options_.cluster_id));
    request.headers.set(kFromHeader, id_text(transport_.options_.member_id));
    request.headers.set(kToHeader, id_text(member_));
    PeerFrameReader frames;
    std::string refusal;
    client_.stream(
        base::parse_url(url), request, kSilence,
        [&](const base::HttpResponse& head) {
          connected = head.status == 200;
          if (head.status == kGone) post([this] { transport_.callbacks_.removed_ourselves(); });
          if (connected) post([this] { transport_.connected_.insert(member_); });
          if (!connected) refusal = std::format("{} answers {}", url, head.status);
          return connected;
        },
        [&](std::string_view data) {
          frames.take(data, [this](const std::string& bytes) { pass_on(bytes); });
          return true;
        });
    if (!refusal.empty()) throw base::Error("read", "its messages", refusal);
  }

  // Waits while the loop is behind. Throws base::Error for bytes of no member.
  void pass_on(const std::string& bytes) {
    const std::size_t size = bytes.size();
    const AppendGist gist = append_gist(bytes);
    PeerMessage message = decode_peer_message(bytes);
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || posted_bytes_ < kMaxPosted; });
    if (stopping_) return;
    posted_bytes_ += size;
    lock.unlock();
    post([this, size, gist, message = std::move(message)]() mutable {
      {
        std::lock_guard taken(mutex_);
        posted_bytes_ -= size;
      }
      wake_.notify_all();
      transport_.stats_.received(size);
      transport_.times_.received(member_, gist);
      transport_.callbacks_.receive(member_, std::move(message));
    });
  }

  // Runs on the loop unless this reader has gone by then.
  void post(std::function<void()> work) {
    transport_.post(
        [alive = std::weak_ptr<bool>(own_), transport = std::weak_ptr<bool>(alive_), work = std::move(work)] {
          if (!alive.expired() && !transport.expired()) work();
        });
  }

  PeerTransport& transport_;
  std::shared_ptr<bool> alive_;
  std::shared_ptr<bool> own_ = std::make_shared<bool>(true);
  const std::uint64_t member_;
  const std::vector<std::string> urls_;
  base::HttpClient client_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::size_t posted_bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

PeerTransport::PeerTransport(base::EventLoop& loop, PeerStats& stats, PeerTransportOptions options, Callbacks callbacks)
    : loop_(loop),
      stats_(stats),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      times_(stats, base::system_clock()) {
  keep_alive_timer_ = loop_.every(kKeepAlive, [this] { keep_alive(); });
}

PeerTransport::~PeerTransport() {
  close();
}

void PeerTransport::close() {
  keep_alive_timer_.reset();
  readers_.clear();
  for (auto& [member, stream] : streams_) stream.reply->finish();
  streams_.clear();
}

void PeerTransport::set_peers(const std::vector<Member>& members) {
  std::map<std::uint64_t, std::unique_ptr<Reader>> readers;
  for (const Member& member : members) {
    if (member.id == options_.member_id || member.peer_urls.empty()) continue;
    auto known = readers_.find(member.id);
    const bool same = known != readers_.end() && known->second->urls() == member.peer_urls;
    if (!same) connected_.erase(member.id);
    readers[member.id] = same ? std::move(known->second) : std::make_unique<Reader>(*this, member.id, member.peer_urls);
  }
  readers_ = std::move(readers);
  std::erase_if(connected_, [this](std::uint64_t member) { return !readers_.contains(member); });
}

void PeerTransport::post(std::function<void()> work) {
  {
    std::lock_guard lock(waiting_mutex_);
    waiting_.push_back(std::move(work));
    anything_waits_ = true;
  }
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) run_waiting();
  });
}

void PeerTransport::run_waiting() {
  while (anything_waits_.exchange(false)) {
    std::deque<std::function<void()>> work;
    {
      std::lock_guard lock(waiting_mutex_);
      work.swap(waiting_);
    }
    for (const auto& one : work) one();
    std::vector<std::uint64_t> members;
    for (const auto& [member, stream] : streams_) members.push_back(member);
    for (const std::uint64_t member : members) flush(member);
  }
}

bool PeerTransport::send(std::uint64_t member, const std::string& message) {
  auto at = streams_.find(member);
  times_.sent(member, message, at == streams_.end());
  if (at == streams_.end()) return false;
  Stream& stream = at->second;
  stream.waiting += encode_peer_frame(message);
  stats_.sent(message.size());
  anything_waits_ = true;
  if (std::exchange(stream.flush_posted, true)) return true;
  loop_.post([this, member, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) flush(member);
  });
  return true;
}

// What was sent in one turn of the loop is one write.
void PeerTransport::flush(std::uint64_t member) {
  auto at = streams_.find(member);
  if (at == streams_.end()) return;
  Stream& stream = at->second;
  stream.flush_posted = false;
  if (stream.waiting.empty()) return;
  stream.reply->write(std::exchange(stream.waiting, {}));
  if (stream.reply->pending_bytes() <= options_.max_waiting) return;
  base::log_warning("member {:x} does not read its messages: cutting its stream", member);
  stream.reply->finish();
  streams_.erase(at);
}

void PeerTransport::keep_alive() {
  for (auto& [member, stream] : streams_) stream.reply->write(encode_peer_frame({}));
}

void PeerTransport::handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
  const std::string_view path = request.raw_path();
  if (path == "/raft/stream") return begin_stream(request, reply);
  base::HttpResponse response;
  response.headers.set(kClusterHeader, id_text(options_.cluster_id));
  response.headers.set("Content-Type", "application/json");
  if (path == "/version") {
    response.body = version_json();
  } else if (path == "/members") {
    for (const Member& member : callbacks_.members()) {
      response.body += (response.body.empty() ? "[" : ",") + peer_member_json(member);
    }
    response.body += response.body.empty() ? "[]\n" : "]\n";
  } else {
    return reply->send(plain_error(404, "404 page not found"));
  }
  reply->send(std::move(response));
}

void PeerTransport::begin_stream(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
  const auto from = parse_id(request.headers.get(kFromHeader));
  if (!from || *from == options_.member_id) return reply->send(plain_error(400, "bad member id"));
  if (request.headers.get(kClusterHeader) != id_text(options_.cluster_id)) {
    return reply->send(plain_error(412, "cluster ID mismatch"));
  }
  if (request.headers.get(kToHeader) != id_text(options_.member_id)) {
    return reply->send(plain_error(412, "this is another member"));
  }
  if (callbacks_.removed(*from)) return reply->send(plain_error(kGone, "the member has been permanently removed"));
  if (auto older = streams_.find(*from); older != streams_.end()) older->second.reply->finish();
  base::HttpResponse head;
  head.headers.set(kClusterHeader, id_text(options_.cluster_id));
  reply->start(std::move(head));
  reply->write(encode_peer_frame({}));
  streams_[*from] = Stream{reply};
  reply->on_close([this, from = *from, ours = reply.get(), alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    auto at = streams_.find(from);
    if (at == streams_.end() || at->second.reply.get() != ours) return;
    streams_.erase(at);
    times_.disconnected(from);
    callbacks_.disconnected(from);
  });
}

}  // namespace kv
