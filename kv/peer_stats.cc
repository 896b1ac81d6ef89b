#include "kv/peer_stats.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "base/text.h"
#include "kv/go_text.h"

namespace kv {

namespace {

constexpr std::size_t kMaxMessages = 200;
constexpr std::chrono::seconds kMaxAge{2};

double seconds(base::Clock::Time::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// encoding/json's omitempty leaves out zeros.
std::string rate_json(std::string_view prefix, const RateWindow::Rate& rate) {
  std::string out;
  if (rate.messages != 0) out += std::format("\"{}PkgRate\":{},", prefix, float_text(rate.messages));
  if (rate.bytes != 0) out += std::format("\"{}BandwidthRate\":{},", prefix, float_text(rate.bytes));
  return out;
}

}  // namespace

void RateWindow::add(std::size_t bytes, base::Clock::Time now) {
  messages_.push_back({now, bytes});
  bytes_ += bytes;
  if (messages_.size() <= kMaxMessages) return;
  bytes_ -= messages_.front().bytes;
  messages_.pop_front();
}

RateWindow::Rate RateWindow::rate(base::Clock::Time now) const {
  if (messages_.empty() || now - messages_.back().time > kMaxAge) return {};
  double span = seconds(messages_.back().time - messages_.front().time);
  if (span <= 0) return {};
  return {static_cast<double>(messages_.size()) / span, static_cast<double>(bytes_) / span};
}

void PeerStats::sent(std::size_t bytes) {
  ++sent_count_;
  sent_.add(bytes, clock_.now());
}

void PeerStats::received(std::size_t bytes) {
  ++received_count_;
  received_.add(bytes, clock_.now());
}

void PeerStats::follower_answered(std::uint64_t id, std::chrono::nanoseconds latency) {
  Follower& follower = followers_[id];
  auto before = static_cast<double>(follower.successes++);
  auto after = static_cast<double>(follower.successes);
  double now = static_cast<double>(latency.count()) / 1'000'000;
  follower.current = now;
  follower.minimum = std::min(follower.minimum, now);
  follower.maximum = std::max(follower.maximum, now);
  follower.average = (follower.average * before + now) / after;
  follower.average_square = (follower.average_square * before + now * now) / after;
}

void PeerStats::follower_failed(std::uint64_t id) {
  ++followers_[id].failures;
}

void PeerStats::leader_is(std::uint64_t id) {
  if (id == leader_) return;
  leader_ = id;
  leader_since_ = clock_.now();
  leader_since_wall_ = clock_.wall_now();
}

std::string PeerStats::self_json(const std::string& name, std::uint64_t id, const std::string& state) const {
  base::Clock::Time now = clock_.now();
  std::string out = std::format(
      "{{\"name\":{},\"id\":\"{}\",\"state\":\"{}\",\"startTime\":\"{}\",\"leaderInfo\":{{\"leader\":\"{}\","
      "\"uptime\":\"{}\",\"startTime\":\"{}\"}},",
      json_quoted(name), id_text(id), state, base::format_rfc3339(started_), leader_ == 0 ? "" : id_text(leader_),
      duration_text(now - leader_since_), base::format_rfc3339(leader_since_wall_));
  out += std::format("\"recvAppendRequestCnt\":{},", received_count_) + rate_json("recv", received_.rate(now));
  out += std::format("\"sendAppendRequestCnt\":{},", sent_count_) + rate_json("send", sent_.rate(now));
  out.back() = '}';
  return out;
}

std::string PeerStats::leader_json(std::uint64_t leader, const std::vector<Member>& members) const {
  std::string out = std::format("{{\"leader\":\"{}\",\"followers\":{{", id_text(leader));
  const char* separator = "";
  for (const auto& [id, follower] : followers_) {
    if (!std::ranges::contains(members, id, &Member::id)) continue;
    double variance = follower.average_square - follower.average * follower.average;
    out += std::format(
        "{}\"{}\":{{\"latency\":{{\"current\":{},\"average\":{},\"standardDeviation\":{},\"minimum\":{},"
        "\"maximum\":{}}},\"counts\":{{\"fail\":{},\"success\":{}}}}}",
        separator, id_text(id), float_text(follower.current), float_text(follower.average),
        float_text(std::sqrt(std::max(0.0, variance))), float_text(follower.minimum), float_text(follower.maximum),
        follower.failures, follower.successes);
    separator = ",";
  }
  return out + "}}";
}

}  // namespace kv
