// The client over etcd's v2 HTTP API, so that it works with kvd and with etcd 2.x to 3.4 alike.
//
// A watch is a chain of long polls: etcd delivers only the first event of its history to a stream that starts in the
// past, and loses the others. A poll is renewed after a quiet minute. By then an event of the history would have come,
// so the next poll starts behind the index that the store named at the start of this one: a quiet key is watched for
// ever without running out of history, and a dead connection is noticed.

#include "kv/client/client.h"

#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/text.h"
#include "kv/client/endpoints.h"
#include "kv/client/key_path.h"
#include "kv/client/v2_json.h"

namespace kv {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kKeyNotFound = 100;
constexpr int kTestFailed = 101;
constexpr int kNodeExists = 105;
constexpr int kHistoryCleared = 401;
constexpr milliseconds kPollRenewal{60'000};
constexpr milliseconds kQuietEnough{30'000};  // after a poll's head: the history held nothing for us
constexpr milliseconds kRetryPause{100};

std::uint64_t store_index(const base::HttpResponse& response) {
  return base::parse_unsigned(response.headers.get("X-Etcd-Index")).value_or(0);
}

bool condition_failed(int code) {
  return code == kKeyNotFound || code == kTestFailed || code == kNodeExists;
}

class HttpV2Client : public Client {
 public:
  HttpV2Client(const std::string& endpoints, milliseconds timeout, const ClientTls& tls)
      : endpoints_(endpoints, timeout, tls), timeout_(timeout) {}

  std::optional<Node> get(const std::string& key) override {
    base::HttpResponse response = call("get", plain_request("GET", target(key, "quorum=true")));
    base::Json body = parse_answer(response.body);
    if (response.status == 200) return node_from_json(body["node"]);
    if (error_code(body) == kKeyNotFound) return std::nullopt;
    throw base::Error("get", key, error_text(body));
  }

  Listing list(const std::string& key) override {
    base::HttpResponse response =
        call("list", plain_request("GET", target(key, "recursive=true&sorted=true&quorum=true")));
    base::Json body = parse_answer(response.body);
    Listing listing{{}, store_index(response)};
    if (response.status == 200) {
      flatten(body["node"], listing.nodes);
    } else if (error_code(body) != kKeyNotFound) {
      throw base::Error("list", key, error_text(body));
    }
    std::ranges::sort(listing.nodes, {}, &Node::key);
    return listing;
  }

  std::optional<Node> put(const std::string& key, const std::string& value, const PutOptions& options) override {
    PutOptions conditions = options;
    if (options.previous_value == "" && !expect_empty(key, conditions.previous_value, conditions.previous_index)) {
      return std::nullopt;
    }
    std::string form = "value=" + base::percent_encode(value, "-._~");
    if (conditions.ttl) form += "&ttl=" + std::to_string(std::max<std::int64_t>(conditions.ttl->count(), 0));
    if (conditions.previous_exists) form += *conditions.previous_exists ? "&prevExist=true" : "&prevExist=false";
    if (conditions.previous_value) form += "&prevValue=" + base::percent_encode(*conditions.previous_value, "-._~");
    if (conditions.previous_index) form += "&prevIndex=" + std::to_string(*conditions.previous_index);
    bool repeatable = !options.previous_exists && !options.previous_value && !options.previous_index;

    base::HttpResponse response = call("put", form_request(key, form), repeatable);
    base::Json body = parse_answer(response.body);
    if (response.status == 200 || response.status == 201) return node_from_json(body["node"]);
    if (condition_failed(error_code(body))) return std::nullopt;
    throw base::Error("put", key, error_text(body));
  }

  bool refresh(const std::string& key, std::chrono::seconds ttl) override {
    std::string form = "refresh=true&prevExist=true&ttl=" + std::to_string(std::max<std::int64_t>(ttl.count(), 0));
    base::HttpResponse response = call("refresh", form_request(key, form));
    if (response.status == 200) return true;
    base::Json body = parse_answer(response.body);
    if (error_code(body) == kKeyNotFound) return false;
    throw base::Error("refresh", key, error_text(body));
  }

  bool remove(const std::string& key, bool recursive, const std::optional<std::string>& previous_value) override {
    std::optional<std::string> value = previous_value;
    std::optional<std::uint64_t> index;
    if (previous_value == "" && !expect_empty(key, value, index)) return false;
    std::string query = recursive ? "recursive=true" : "recursive=false";
    if (value) query += "&prevValue=" + base::percent_encode(*value, "-._~");
    if (index) query += "&prevIndex=" + std::to_string(*index);

    base::HttpResponse response = call("remove", plain_request("DELETE", target(key, query)), !previous_value);
    if (response.status == 200) return true;
    base::Json body = parse_answer(response.body);
    if (condition_failed(error_code(body))) return false;
    throw base::Error("remove", key, error_text(body));
  }

  void watch(const std::string& key, std::uint64_t from_index,
             const std::function<bool(const Event&)>& on_event) override {
    std::uint64_t next = from_index;
    Clock::time_point last_answer = Clock::now();
    while (true) {
      Poll poll;
      std::string failure = poll_once(key, next, poll);
      Clock::time_point now = Clock::now();
      if (poll.answered) last_answer = now;
      if (poll.event) {
        next = std::max(next, poll.event->node.modified_index + 1);
        if (!on_event(*poll.event)) return;
        continue;
      }
      if (poll.answered) {
        bool quiet = now - poll.head_time >= kQuietEnough;
        if (quiet || next == 0) next = std::max(next, poll.index + 1);
      }
      if (failure.empty()) continue;
      if (now - last_answer > timeout_) throw base::Error("watch", key, failure);
      pause();
    }
  }

  bool healthy() override {
    try {
      base::HttpResponse response = call("check", plain_request("GET", "/health"));
      return response.status == 200 && base::json_string(parse_answer(response.body), "health") == "true";
    } catch (const base::Error&) {
      throw_if_cancelled("check");
      return false;
    }
  }

  void cancel() override {
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    cancelled_changed_.notify_all();
    endpoints_.cancel();
  }

 private:
  struct Poll {
    bool answered = false;  // the store sent a head
    Clock::time_point head_time{};
    std::uint64_t index = 0;  // X-Etcd-Index at the poll's start
    std::optional<Event> event;
  };

  // One long poll. Returns why it ended without an answer of the store, or "".
  std::string poll_once(const std::string& key, std::uint64_t next, Poll& poll) {
    throw_if_cancelled("watch");
    std::string query = "wait=true&recursive=true";
    if (next > 0) query += "&waitIndex=" + std::to_string(next);
    int status = 0;
    std::string body;
    std::string failure;
    try {
      endpoints_.stream(
          plain_request("GET", target(key, query)), kPollRenewal,
          [&](const base::HttpResponse& head) {
            status = head.status;
            poll.answered = true;
            poll.head_time = Clock::now();
            poll.index = store_index(head);
            return true;
          },
          [&](std::string_view data) {
            body += data;
            if (body.size() > kMaxAnswerBytes) throw base::Error("watch", key, "the answer is larger than 64 MiB");
            return status != 200 || !body.ends_with('\n');  // one event is enough
          });
    } catch (const base::Error& error) {
      throw_if_cancelled("watch");
      failure = error.what();
    }
    if (!body.ends_with('\n')) return failure;
    base::Json json = parse_answer(body);
    if (status == 200) {
      poll.event = event_from_json(json);
      return "";
    }
    if (error_code(json) == kHistoryCleared) {
      throw Compacted{static_cast<std::uint64_t>(base::json_integer(json, "index"))};
    }
    if (status < 500) throw base::Error("watch", key, error_text(json));
    poll.answered = false;
    return error_text(json);
  }

  static std::string target(const std::string& key, const std::string& query) {
    return "/v2/keys" + base::percent_encode(clean_key(key)) + "?" + query;
  }

  static base::HttpRequest plain_request(const std::string& method, std::string target) {
    base::HttpRequest request;
    request.method = method;
    request.target = std::move(target);
    return request;
  }

  static base::HttpRequest form_request(const std::string& key, std::string form) {
    base::HttpRequest request = plain_request("PUT", "/v2/keys" + base::percent_encode(clean_key(key)));
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = std::move(form);
    return request;
  }

  base::HttpResponse call(std::string_view operation, const base::HttpRequest& request, bool repeatable = true) {
    throw_if_cancelled(operation);
    try {
      return endpoints_.request(request, repeatable);
    } catch (const base::Error&) {
      throw_if_cancelled(operation);
      throw;
    }
  }

  // v2 cannot compare with an empty value; comparing with the index of the node that has it says the same. False when
  // the value is not empty now.
  bool expect_empty(const std::string& key, std::optional<std::string>& value, std::optional<std::uint64_t>& index) {
    std::optional<Node> node = get(key);
    if (!node || node->directory || !node->value.empty()) return false;
    if (index && *index != node->modified_index) return false;
    value.reset();
    index = node->modified_index;
    return true;
  }

  void throw_if_cancelled(std::string_view operation) {
    std::lock_guard lock(mutex_);
    if (cancelled_) throw base::Error(operation, "", "cancelled");
  }

  void pause() {
    std::unique_lock lock(mutex_);
    cancelled_changed_.wait_for(lock, kRetryPause, [this] { return cancelled_; });
  }

  Endpoints endpoints_;
  milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable cancelled_changed_;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<Client> connect(const std::string& endpoints, milliseconds request_timeout, const ClientTls& tls) {
  return std::make_unique<HttpV2Client>(endpoints, request_timeout, tls);
}

}  // namespace kv
