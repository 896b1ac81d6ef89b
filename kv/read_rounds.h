#pragma once
// Fresh reads without a write to the log (Ongaro 2014, section 6.4; etcd's ReadIndex). The leader notes how far it has
// committed, and makes sure with one round of probes that it still leads; then every read that waited when the round
// began may be answered by a member that has applied that far. Reads that come during a round share the next one.
//
// Bookkeeping only: it sends nothing. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace kv {

class ReadRounds {
 public:
  struct Remote {
    std::uint64_t member = 0;
    std::uint64_t sequence = 0;
  };
  struct Finished {
    std::uint64_t index = 0;
    std::vector<Remote> remote = {};  // to be told the index; the local reads are kept here
  };

  // `first`: sequences follow this one. Random, so that an answer to this member before a restart is no answer after
  // it.
  explicit ReadRounds(std::uint64_t first) : last_sequence_(first) {}

  void wait(std::uint64_t ticket) { waiting_.push_back(ticket); }
  bool idle() const { return waiting_.empty() && remote_waiting_.empty() && !round_ && !request_; }

  // Leader. `committed` is the leader's commit index. The sequence to probe with, when a round begins.
  void wait_remote(Remote reader) { remote_waiting_.push_back(reader); }
  std::optional<std::uint64_t> begin_round(std::uint64_t now_ms, std::uint64_t committed);
  // A probe was answered; `needed` members besides the leader make a majority.
  std::optional<Finished> acknowledge(std::uint64_t member, std::uint64_t sequence, std::size_t needed);

  // Follower. The sequence to ask the leader with, when there is something to ask and nothing is asked yet.
  std::optional<std::uint64_t> begin_request(std::uint64_t now_ms);
  // Index 0: it does not lead any more.
  void answered(std::uint64_t sequence, std::uint64_t index);

  // What was sent and not answered for this long, to be sent again.
  std::optional<std::uint64_t> round_to_repeat(std::uint64_t now_ms, std::uint64_t after_ms);
  std::optional<std::uint64_t> request_to_repeat(std::uint64_t now_ms, std::uint64_t after_ms);

  // All that was under way begins again.
  void leadership_changed();

  // Tickets of reads that may be answered once all up to `applied` is applied.
  std::vector<std::uint64_t> take_passed(std::uint64_t applied);

 private:
  struct Round {
    std::uint64_t sequence = 0;
    std::uint64_t index = 0;
    std::uint64_t sent_ms = 0;
    std::vector<std::uint64_t> tickets = {};
    std::vector<Remote> remote = {};
    std::set<std::uint64_t> members = {};
  };
  struct Request {
    std::uint64_t sequence = 0;
    std::uint64_t sent_ms = 0;
    std::vector<std::uint64_t> tickets = {};
  };

  std::vector<std::uint64_t> waiting_;
  std::vector<Remote> remote_waiting_;
  std::optional<Round> round_;
  std::optional<Request> request_;
  std::multimap<std::uint64_t, std::uint64_t> ready_;  // index to ticket
  std::uint64_t last_sequence_;
};

}  // namespace kv
