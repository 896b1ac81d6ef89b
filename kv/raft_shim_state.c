#include "kv/raft_shim_struct.h"

uint64_t raft_shim_term(const struct raft_shim* shim) {
  return raft_current_term(&shim->raft);
}

uint64_t raft_shim_voted_for(const struct raft_shim* shim) {
  return raft_voted_for(&shim->raft);
}

uint64_t raft_shim_commit_index(const struct raft_shim* shim) {
  return raft_commit_index(&shim->raft);
}

uint64_t raft_shim_last_index(const struct raft_shim* shim) {
  return shim->raft.last_stored;
}

uint64_t raft_shim_leader(const struct raft_shim* shim) {
  const struct raft* raft = &shim->raft;
  if (raft->state == RAFT_LEADER) return raft->id;
  return raft->state == RAFT_FOLLOWER ? raft->follower_state.current_leader.id : 0;
}

int raft_shim_state_of(const struct raft_shim* shim) {
  return shim->raft.state;
}

uint64_t raft_shim_next_timeout(const struct raft_shim* shim) {
  return raft_timeout(&shim->raft);
}

bool raft_shim_transferring(const struct raft_shim* shim) {
  return shim->raft.state == RAFT_LEADER && shim->raft.leader_state.transferee != 0;
}

bool raft_shim_change_pending(const struct raft_shim* shim) {
  const struct raft* raft = &shim->raft;
  return raft->configuration_uncommitted_index != 0 ||
         (raft->state == RAFT_LEADER && raft->leader_state.promotee_id != 0);
}

uint64_t raft_shim_match_index(const struct raft_shim* shim, uint64_t id) {
  raft_index index = 0;
  return raft_match_index(&shim->raft, id, &index) == 0 ? index : 0;
}

unsigned raft_shim_server_count(const struct raft_shim* shim) {
  return shim->raft.configuration.n;
}

struct raft_shim_server raft_shim_server_at(const struct raft_shim* shim, unsigned i) {
  const struct raft_server* server = &shim->raft.configuration.servers[i];
  struct raft_shim_server out = {server->id, server->role == RAFT_VOTER ? RAFT_SHIM_VOTER : RAFT_SHIM_STANDBY};
  return out;
}

void raft_shim_forget_leader(struct raft_shim* shim) {
  struct raft* raft = &shim->raft;
  if (raft->state != RAFT_FOLLOWER) return;
  raft_free(raft->follower_state.current_leader.address);
  raft->follower_state.current_leader.address = NULL;
  raft->follower_state.current_leader.id = 0;
}

void raft_shim_hurry_election(struct raft_shim* shim, unsigned delay_ms) {
  struct raft* raft = &shim->raft;
  if (raft->state != RAFT_FOLLOWER) return;
  raft->election_timer_start = raft->now + delay_ms - raft->follower_state.randomized_election_timeout;
}

void raft_shim_begin_term(struct raft_shim* shim) {
  shim->raft.current_term += 1;
  shim->raft.voted_for = shim->raft.id;
}

int raft_shim_set_own_role(struct raft_shim* shim, int role) {
  struct raft_configuration* configuration = &shim->raft.configuration;
  for (unsigned i = 0; i < configuration->n; ++i) {
    if (configuration->servers[i].id != shim->raft.id) continue;
    int before = configuration->servers[i].role == RAFT_VOTER ? RAFT_SHIM_VOTER : RAFT_SHIM_STANDBY;
    configuration->servers[i].role = role == RAFT_SHIM_VOTER ? RAFT_VOTER : RAFT_STANDBY;
    return before;
  }
  return -1;
}
