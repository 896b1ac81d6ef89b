#include "kv/raft_shim_struct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_SIZE = 17 };

// libraft wants an address for each server and compares them; members are found by their id, so the id is the address.
static void address_of(uint64_t id, char address[ADDRESS_SIZE]) {
  snprintf(address, ADDRESS_SIZE, "%016llx", (unsigned long long)id);
}

static int make_configuration(struct raft_configuration* out, const struct raft_shim_server* servers, unsigned n) {
  raft_configuration_init(out);
  for (unsigned i = 0; i < n; ++i) {
    char address[ADDRESS_SIZE];
    address_of(servers[i].id, address);
    int role = servers[i].role == RAFT_SHIM_VOTER ? RAFT_VOTER : RAFT_STANDBY;
    int code = raft_configuration_add(out, servers[i].id, address, role);
    if (code != 0) {
      raft_configuration_close(out);
      return code;
    }
  }
  return 0;
}

// An entry as the core looks at it: it reads terms, types and configurations, never a command's bytes. `batch` must not
// be null; what it points to is ours (consensus.md, host duties 5).
static int make_entry(struct raft_entry* out, const struct raft_shim_entry* entry) {
  memset(out, 0, sizeof *out);
  out->term = entry->term;
  out->type = entry->type == RAFT_SHIM_CHANGE    ? RAFT_CHANGE
              : entry->type == RAFT_SHIM_BARRIER ? RAFT_BARRIER
                                                 : RAFT_COMMAND;
  out->batch = out;
  if (entry->type != RAFT_SHIM_CHANGE) return 0;
  struct raft_configuration configuration;
  int code = make_configuration(&configuration, entry->servers, entry->n_servers);
  if (code != 0) return code;
  code = raft_configuration_encode(&configuration, &out->buf);
  raft_configuration_close(&configuration);
  return code;
}

static void free_entries(struct raft_entry* entries, unsigned n) {
  for (unsigned i = 0; entries != NULL && i < n; ++i) raft_free(entries[i].buf.base);
  free(entries);
}

static int make_entries(struct raft_entry** out, const struct raft_shim_entry* entries, unsigned n) {
  *out = NULL;
  if (n == 0) return 0;
  *out = calloc(n, sizeof **out);
  if (*out == NULL) return RAFT_NOMEM;
  for (unsigned i = 0; i < n; ++i) {
    int code = make_entry(&(*out)[i], &entries[i]);
    if (code != 0) {
      free_entries(*out, n);
      *out = NULL;
      return code;
    }
  }
  return 0;
}

static int make_metadata(struct raft_snapshot_metadata* out, const struct raft_shim_snapshot* snapshot) {
  memset(out, 0, sizeof *out);
  out->index = snapshot->index;
  out->term = snapshot->term;
  out->configuration_index = snapshot->conf_index;
  return make_configuration(&out->configuration, snapshot->servers, snapshot->n_servers);
}

static int step(struct raft_shim* shim, struct raft_event* event, struct raft_shim_update* update) {
  memset(&shim->update, 0, sizeof shim->update);
  memset(update, 0, sizeof *update);
  int code = raft_step(&shim->raft, event, &shim->update);
  if (code != 0) return code;
  unsigned flags = shim->update.flags;
  if (flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) update->flags |= RAFT_SHIM_UPDATE_HARD_STATE;
  if (flags & (RAFT_UPDATE_STATE)) update->flags |= RAFT_SHIM_UPDATE_STATE;
  if (flags & (RAFT_UPDATE_SNAPSHOT)) update->flags |= RAFT_SHIM_UPDATE_SNAPSHOT;
  if (flags & (RAFT_UPDATE_ENTRIES)) {
    update->flags |= RAFT_SHIM_UPDATE_ENTRIES;
    update->entries_index = shim->update.entries.index;
    update->n_entries = shim->update.entries.n;
    update->barrier = shim->update.entries.batch == &shim->raft.barrier;
    // The bytes of a barrier are allocated by the core and given away with it.
    if (update->barrier) raft_free(shim->raft.barrier.buf.base);
  }
  if (flags & (RAFT_UPDATE_MESSAGES)) update->n_messages = shim->update.messages.n;
  return 0;
}

struct raft_shim* raft_shim_new(uint64_t id, unsigned seed, unsigned election_ms, unsigned heartbeat_ms,
                                unsigned max_inflight_entries) {
  struct raft_shim* shim = calloc(1, sizeof *shim);
  if (shim == NULL) return NULL;
  char address[ADDRESS_SIZE];
  address_of(id, address);
  if (raft_init(&shim->raft, NULL, NULL, id, address) != 0) {
    free(shim);
    return NULL;
  }
  shim->raft.tracer = NULL;  // the default one formats every step into one buffer that all instances share
  raft_seed(&shim->raft, seed);
  raft_set_election_timeout(&shim->raft, election_ms);
  raft_set_heartbeat_timeout(&shim->raft, heartbeat_ms);
  raft_set_pre_vote(&shim->raft, true);
  raft_set_max_inflight_entries(&shim->raft, max_inflight_entries);
  raft_set_install_snapshot_timeout(&shim->raft, 10 * 60 * 1000);
  return shim;
}

void raft_shim_free(struct raft_shim* shim) {
  if (shim == NULL) return;
  raft_close(&shim->raft, NULL);
  free(shim);
}

const char* raft_shim_error(int code) {
  return raft_strerror(code);
}

int raft_shim_start(struct raft_shim* shim, uint64_t now, uint64_t term, uint64_t voted_for,
                    const struct raft_shim_snapshot* snapshot, uint64_t start_index,
                    const struct raft_shim_entry* entries, unsigned n, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_START};
  struct raft_snapshot_metadata metadata;
  if (snapshot != NULL) {
    int code = make_metadata(&metadata, snapshot);
    if (code != 0) return code;
    event.start.metadata = &metadata;  // its configuration is the core's from here on
  }
  int code = make_entries(&event.start.entries, entries, n);
  if (code != 0) return code;
  event.start.term = term;
  event.start.voted_for = voted_for;
  event.start.start_index = start_index;
  event.start.n_entries = n;
  struct raft_entry* made = event.start.entries;
  code = step(shim, &event, update);
  free_entries(made, n);
  return code;
}

// AppendEntries owns a batch that the core frees with raft_free() whenever it does not keep the entries.
static int receive_append(struct raft_shim* shim, struct raft_event* event, struct raft_message* message,
                          const struct raft_shim_entry* entries, unsigned n, struct raft_shim_update* update) {
  struct raft_entry* made = NULL;
  int code = make_entries(&made, entries, n);
  if (code != 0) return code;
  void* batch = NULL;
  if (n > 0) {
    batch = raft_malloc(1);
    if (batch == NULL) {
      free_entries(made, n);
      return RAFT_NOMEM;
    }
    for (unsigned i = 0; i < n; ++i) made[i].batch = batch;
  }
  message->append_entries.entries = made;
  message->append_entries.n_entries = n;
  code = step(shim, event, update);
  if (code == 0 && (update->flags & RAFT_SHIM_UPDATE_ENTRIES)) raft_free(batch);
  free_entries(made, n);
  return code;
}

int raft_shim_receive(struct raft_shim* shim, uint64_t now, const struct raft_shim_message* in,
                      const struct raft_shim_entry* entries, const struct raft_shim_snapshot* snapshot,
                      struct raft_shim_update* update) {
  char address[ADDRESS_SIZE];
  address_of(in->peer, address);
  struct raft_message message;
  memset(&message, 0, sizeof message);
  message.server_id = in->peer;
  message.server_address = address;
  struct raft_event event = {.time = now, .type = RAFT_RECEIVE};
  event.receive.message = &message;
  switch (in->type) {
    case RAFT_SHIM_APPEND:
      message.type = RAFT_APPEND_ENTRIES;
      message.append_entries.term = in->term;
      message.append_entries.prev_log_index = in->index;
      message.append_entries.prev_log_term = in->index_term;
      message.append_entries.leader_commit = in->commit;
      return receive_append(shim, &event, &message, entries, in->n_entries, update);
    case RAFT_SHIM_APPEND_RESULT:
      message.type = RAFT_APPEND_ENTRIES_RESULT;
      message.append_entries_result.version = 1;
      message.append_entries_result.term = in->term;
      message.append_entries_result.rejected = in->rejected;
      message.append_entries_result.last_log_index = in->index;
      break;
    case RAFT_SHIM_VOTE:
      message.type = RAFT_REQUEST_VOTE;
      message.request_vote.version = 2;
      message.request_vote.term = in->term;
      message.request_vote.candidate_id = in->peer;
      message.request_vote.last_log_index = in->index;
      message.request_vote.last_log_term = in->index_term;
      message.request_vote.disrupt_leader = in->disrupt_leader;
      message.request_vote.pre_vote = in->pre_vote;
      break;
    case RAFT_SHIM_VOTE_RESULT:
      message.type = RAFT_REQUEST_VOTE_RESULT;
      message.request_vote_result.version = 2;
      message.request_vote_result.term = in->term;
      message.request_vote_result.vote_granted = in->granted;
      message.request_vote_result.pre_vote = in->pre_vote;
      break;
    case RAFT_SHIM_INSTALL_SNAPSHOT: {
      message.type = RAFT_INSTALL_SNAPSHOT;
      message.install_snapshot.term = in->term;
      message.install_snapshot.last_index = snapshot->index;
      message.install_snapshot.last_term = snapshot->term;
      message.install_snapshot.conf_index = snapshot->conf_index;
      int code = make_configuration(&message.install_snapshot.conf, snapshot->servers, snapshot->n_servers);
      if (code != 0) return code;
      code = step(shim, &event, update);
      // When it is to be installed, the configuration comes back with the update; the host gives it again, in
      // PERSISTED_SNAPSHOT.
      if (code == 0 && (update->flags & RAFT_SHIM_UPDATE_SNAPSHOT)) {
        raft_configuration_close(&shim->update.snapshot.metadata.configuration);
      }
      return code;
    }
    case RAFT_SHIM_TIMEOUT_NOW:
      message.type = RAFT_TIMEOUT_NOW;
      message.timeout_now.term = in->term;
      message.timeout_now.last_log_index = in->index;
      message.timeout_now.last_log_term = in->index_term;
      break;
    default:
      return RAFT_MALFORMED;
  }
  return step(shim, &event, update);
}

int raft_shim_persisted_entries(struct raft_shim* shim, uint64_t now, uint64_t index, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_PERSISTED_ENTRIES};
  event.persisted_entries.index = index;
  return step(shim, &event, update);
}

int raft_shim_persisted_snapshot(struct raft_shim* shim, uint64_t now, const struct raft_shim_snapshot* snapshot,
                                 struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_PERSISTED_SNAPSHOT};
  int code = make_metadata(&event.persisted_snapshot.metadata, snapshot);
  if (code != 0) return code;
  event.persisted_snapshot.last = true;
  return step(shim, &event, update);
}

int raft_shim_configuration(struct raft_shim* shim, uint64_t now, uint64_t index,
                            const struct raft_shim_server* servers, unsigned n, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_CONFIGURATION};
  event.configuration.index = index;
  int code = make_configuration(&event.configuration.conf, servers, n);
  if (code != 0) return code;
  return step(shim, &event, update);
}

int raft_shim_compacted(struct raft_shim* shim, uint64_t now, const struct raft_shim_snapshot* snapshot,
                        unsigned trailing, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_SNAPSHOT};
  int code = make_metadata(&event.snapshot.metadata, snapshot);
  if (code != 0) return code;
  event.snapshot.trailing = trailing;
  return step(shim, &event, update);
}

int raft_shim_timeout(struct raft_shim* shim, uint64_t now, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_TIMEOUT};
  return step(shim, &event, update);
}

int raft_shim_submit(struct raft_shim* shim, uint64_t now, const struct raft_shim_entry* entries, unsigned n,
                     struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_SUBMIT};
  struct raft_entry* made = NULL;
  int code = make_entries(&made, entries, n);
  if (code != 0) return code;
  event.submit.entries = made;
  event.submit.n = n;
  code = step(shim, &event, update);
  free_entries(made, n);
  return code;
}

int raft_shim_transfer(struct raft_shim* shim, uint64_t now, uint64_t id, struct raft_shim_update* update) {
  struct raft_event event = {.time = now, .type = RAFT_TRANSFER};
  event.transfer.server_id = id;
  return step(shim, &event, update);
}

void raft_shim_message_at(const struct raft_shim* shim, unsigned i, struct raft_shim_message* out) {
  const struct raft_message* message = &shim->update.messages.batch[i];
  memset(out, 0, sizeof *out);
  out->peer = message->server_id;
  switch (message->type) {
    case RAFT_APPEND_ENTRIES:
      out->type = RAFT_SHIM_APPEND;
      out->term = message->append_entries.term;
      out->index = message->append_entries.prev_log_index;
      out->index_term = message->append_entries.prev_log_term;
      out->commit = message->append_entries.leader_commit;
      out->n_entries = message->append_entries.n_entries;
      break;
    case RAFT_APPEND_ENTRIES_RESULT:
      out->type = RAFT_SHIM_APPEND_RESULT;
      out->term = message->append_entries_result.term;
      out->rejected = message->append_entries_result.rejected;
      out->index = message->append_entries_result.last_log_index;
      break;
    case RAFT_REQUEST_VOTE:
      out->type = RAFT_SHIM_VOTE;
      out->term = message->request_vote.term;
      out->index = message->request_vote.last_log_index;
      out->index_term = message->request_vote.last_log_term;
      out->disrupt_leader = message->request_vote.disrupt_leader;
      out->pre_vote = message->request_vote.pre_vote;
      break;
    case RAFT_REQUEST_VOTE_RESULT:
      out->type = RAFT_SHIM_VOTE_RESULT;
      out->term = message->request_vote_result.term;
      out->granted = message->request_vote_result.vote_granted;
      out->pre_vote = message->request_vote_result.pre_vote;
      break;
    case RAFT_INSTALL_SNAPSHOT:
      out->type = RAFT_SHIM_INSTALL_SNAPSHOT;
      out->term = message->install_snapshot.term;
      out->index = message->install_snapshot.last_index;
      out->index_term = message->install_snapshot.last_term;
      out->conf_index = message->install_snapshot.conf_index;
      break;
    case RAFT_TIMEOUT_NOW:
      out->type = RAFT_SHIM_TIMEOUT_NOW;
      out->term = message->timeout_now.term;
      out->index = message->timeout_now.last_log_index;
      out->index_term = message->timeout_now.last_log_term;
      break;
  }
}
