#pragma once
// The C side of raft_core.h: libraft's header (0.22) does not compile as C++, so one C file (raft_shim.c) includes it
// and gives these flat structures to the C++ side. Nothing but raft_core.cc includes this header.
//
// Source: cowsql/raft 0.22.1, include/raft.h. Every function returns 0 or a libraft error code (raft_shim_error()).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct raft_shim;

enum raft_shim_role { RAFT_SHIM_STANDBY = 0, RAFT_SHIM_VOTER = 1 };
enum raft_shim_entry_type { RAFT_SHIM_COMMAND = 1, RAFT_SHIM_BARRIER = 2, RAFT_SHIM_CHANGE = 3 };
enum raft_shim_state { RAFT_SHIM_FOLLOWER = 1, RAFT_SHIM_CANDIDATE = 2, RAFT_SHIM_LEADER = 3 };

enum raft_shim_message_type {
  RAFT_SHIM_APPEND = 1,
  RAFT_SHIM_APPEND_RESULT,
  RAFT_SHIM_VOTE,
  RAFT_SHIM_VOTE_RESULT,
  RAFT_SHIM_INSTALL_SNAPSHOT,
  RAFT_SHIM_TIMEOUT_NOW
};

struct raft_shim_server {
  uint64_t id;
  int role;
};

struct raft_shim_entry {
  uint64_t term;
  int type;
  const struct raft_shim_server* servers;  // of a CHANGE
  unsigned n_servers;
};

// One message; the fields that a type does not have are 0. APPEND carries only the number of its entries: the host has
// them.
struct raft_shim_message {
  int type;
  uint64_t peer;  // sender, or where it goes
  uint64_t term;
  uint64_t index;       // prev_log_index, last_log_index, snapshot's last_index
  uint64_t index_term;  // the term of that entry
  uint64_t commit;      // APPEND: leader_commit
  uint64_t rejected;    // APPEND_RESULT
  uint64_t conf_index;  // INSTALL_SNAPSHOT
  unsigned n_entries;   // APPEND
  bool disrupt_leader;
  bool pre_vote;
  bool granted;
};

enum {
  RAFT_SHIM_UPDATE_HARD_STATE = 1,
  RAFT_SHIM_UPDATE_ENTRIES = 2,
  RAFT_SHIM_UPDATE_SNAPSHOT = 4,
  RAFT_SHIM_UPDATE_STATE = 8
};

// What the last step asks the host to do.
struct raft_shim_update {
  unsigned flags;
  uint64_t entries_index;  // first of the entries to write; those at or above it that are on the disk are void
  unsigned n_entries;      // the last n of what was submitted or received
  bool barrier;            // the one entry is a barrier of the core's own
  unsigned n_messages;     // raft_shim_message_at()
};

struct raft_shim_snapshot {
  uint64_t index;
  uint64_t term;
  uint64_t conf_index;
  const struct raft_shim_server* servers;
  unsigned n_servers;
};

// NULL when there is no memory.
struct raft_shim* raft_shim_new(uint64_t id, unsigned seed, unsigned election_ms, unsigned heartbeat_ms,
                                unsigned max_inflight_entries);
void raft_shim_free(struct raft_shim* shim);
const char* raft_shim_error(int code);

int raft_shim_start(struct raft_shim* shim, uint64_t now, uint64_t term, uint64_t voted_for,
                    const struct raft_shim_snapshot* snapshot, uint64_t start_index,
                    const struct raft_shim_entry* entries, unsigned n, struct raft_shim_update* update);
int raft_shim_receive(struct raft_shim* shim, uint64_t now, const struct raft_shim_message* message,
                      const struct raft_shim_entry* entries, const struct raft_shim_snapshot* snapshot,
                      struct raft_shim_update* update);
int raft_shim_persisted_entries(struct raft_shim* shim, uint64_t now, uint64_t index, struct raft_shim_update* update);
int raft_shim_persisted_snapshot(struct raft_shim* shim, uint64_t now, const struct raft_shim_snapshot* snapshot,
                                 struct raft_shim_update* update);
int raft_shim_configuration(struct raft_shim* shim, uint64_t now, uint64_t index,
                            const struct raft_shim_server* servers, unsigned n, struct raft_shim_update* update);
int raft_shim_compacted(struct raft_shim* shim, uint64_t now, const struct raft_shim_snapshot* snapshot,
                        unsigned trailing, struct raft_shim_update* update);
int raft_shim_timeout(struct raft_shim* shim, uint64_t now, struct raft_shim_update* update);
int raft_shim_submit(struct raft_shim* shim, uint64_t now, const struct raft_shim_entry* entries, unsigned n,
                     struct raft_shim_update* update);
int raft_shim_transfer(struct raft_shim* shim, uint64_t now, uint64_t id, struct raft_shim_update* update);

// Message `i` of the last update; valid until the next step.
void raft_shim_message_at(const struct raft_shim* shim, unsigned i, struct raft_shim_message* message);

uint64_t raft_shim_term(const struct raft_shim* shim);
uint64_t raft_shim_voted_for(const struct raft_shim* shim);
uint64_t raft_shim_commit_index(const struct raft_shim* shim);
uint64_t raft_shim_last_index(const struct raft_shim* shim);
uint64_t raft_shim_leader(const struct raft_shim* shim);  // 0: none known
int raft_shim_state_of(const struct raft_shim* shim);
uint64_t raft_shim_next_timeout(const struct raft_shim* shim);
bool raft_shim_transferring(const struct raft_shim* shim);
bool raft_shim_change_pending(const struct raft_shim* shim);
uint64_t raft_shim_match_index(const struct raft_shim* shim, uint64_t id);  // leader only; 0: not known
unsigned raft_shim_server_count(const struct raft_shim* shim);
struct raft_shim_server raft_shim_server_at(const struct raft_shim* shim, unsigned i);
// A follower knows no leader from here on.
void raft_shim_forget_leader(struct raft_shim* shim);
// A follower's election comes so many milliseconds after the last step.
void raft_shim_hurry_election(struct raft_shim* shim, unsigned delay_ms);
// The next term, with a vote for ourselves.
void raft_shim_begin_term(struct raft_shim* shim);
// Sets the local server's role in the active configuration, without an entry; returns the role before, -1 for none.
int raft_shim_set_own_role(struct raft_shim* shim, int role);

#ifdef __cplusplus
}
#endif
