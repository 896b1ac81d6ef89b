#pragma once
// A simulated cluster: members, network, clients and what goes wrong, all from one seed; and the checkers that watch
// it.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "linearizability.h"
#include "node.h"
#include "world.h"

namespace sim {

// How often what goes wrong, in percent of the chances it gets (one every 200 ms); drawn from the seed, so that each
// seed is a different kind of bad day.
struct Faults {
  std::uint64_t lose = 0;       // a message, and with it the connection
  std::uint64_t duplicate = 0;  // a message
  std::uint64_t crash = 0;
  std::uint64_t cut = 0;      // one direction between two members
  std::uint64_t isolate = 0;  // one member from all
  std::uint64_t pause = 0;
  std::uint64_t slow_disk = 0;
  std::uint64_t full_disk = 0;
  std::uint64_t failed_sync = 0;
  std::uint64_t lost_disk = 0;
  std::uint64_t bit_rot = 0;
  std::uint64_t state_rot = 0;  // in memory
  std::uint64_t transfer = 0;
  std::uint64_t members = 0;  // one more, one less
};

struct Report {
  std::uint64_t steps = 0;
  std::uint64_t calls = 0;
  std::uint64_t answered = 0;
  std::uint64_t terms = 0;
  std::uint64_t crashes = 0;
  std::uint64_t undecided = 0;      // keys whose calls were too many to decide on
  std::uint64_t changes = 0;        // of members
  std::uint64_t rotten = 0;         // disks whose damage was found
  std::uint64_t rotten_states = 0;  // in memory
};

inline constexpr Nanoseconds kMaxSkew = 20 * kMillisecond;  // of a member's wall clock, either way

class Cluster {
 public:
  Cluster(std::uint64_t seed, bool trace);

  // Throws Violation. `duration`: of the bad part; then all is mended and must work again.
  Report run(Nanoseconds duration);

 private:
  struct Client {
    std::uint64_t id = 0;
    std::uint64_t generation = 0;  // of its call under way
    std::map<std::string, std::string> last_seen = {};
  };

  void choose_faults(std::uint64_t seed);
  Node& add_node(std::uint64_t id);
  void send(std::uint64_t from, std::uint64_t to, const std::string& message);
  void break_connection(std::uint64_t from, std::uint64_t to);

  // clients.cc
  void client_step(Client& client);
  void finish_call(Client& client, std::size_t call, const kv::Result& result);
  kv::Command choose_call(Client& client, Call& call, std::int64_t now);
  void lease_step(Client& client, Node& node);
  Node* random_node_up();

  void something_goes_wrong();
  void crash(Node& node);
  bool can_spare_one() const;
  void replace(Node& node);
  void rot(Node& node);
  void rot_state(Node& node);
  void change_members();
  std::size_t voters() const;
  void write_until_done(const kv::Command& command, const std::function<void()>& then);

  void watch(Node& node);
  void check_applied(Node& node, const kv::LogEntry& entry);
  void check_leader(Node& node);
  void check_logs();
  void check_expiry(const kv::StoreEvent& event);
  void heal_rotten();
  void mend_and_check();

  World world_;
  Faults faults_;
  std::map<std::uint64_t, std::unique_ptr<Node>> nodes_;
  std::set<std::uint64_t> members_;  // as last asked for
  std::set<std::uint64_t> gone_;     // removed or lost; must not come back
  std::set<std::uint64_t> rotten_;   // their state is wrong, and they may not know it yet
  bool changing_ = false;
  bool calm_ = false;  // nothing goes wrong any more
  std::uint64_t last_id_ = 0;

  std::map<std::pair<std::uint64_t, std::uint64_t>, Nanoseconds> busy_until_;  // links keep the order
  std::set<std::pair<std::uint64_t, std::uint64_t>> cuts_;

  std::vector<Client> clients_;
  base::SeededRandom api_{0};                   // which one a call uses
  std::map<std::int64_t, Nanoseconds> leases_;  // by id: until when it was said to last; 0: it may be there
  std::vector<Call> calls_;
  std::uint64_t last_value_ = 0;

  std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> applied_;  // by index: term, command
  std::map<std::uint64_t, std::uint64_t> digests_;                          // by index
  std::map<std::uint64_t, std::uint64_t> leaders_;                          // by term
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> entries_;  // by index and term
  std::map<std::pair<std::uint64_t, std::string>, std::string> events_;     // by the store's index and key
  Report report_;
};

}  // namespace sim
