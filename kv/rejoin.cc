#include "kv/rejoin.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "kv/bootstrap_cluster.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/wal.h"

namespace kv {

namespace {

// The damaged log's, where one of its headers can be read.
std::uint64_t old_id_of(const std::string& log_folder) {
  if (!base::exists(log_folder)) return 0;
  FileStorage storage(log_folder);
  const auto identity = Wal::identity_in(storage);
  return identity ? identity->member_id : 0;
}

void move_aside(const std::string& data_dir) {
  const base::Fd directory = base::open_directory(data_dir);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string name = std::format("damaged-{:%Y%m%dT%H%M%SZ}", now);
  base::make_directory_at(directory, name, 0700);
  for (const char* part : {"wal", "store.db", "store.db-wal", "store.db-shm"}) {
    if (!base::exists_at(directory, part)) continue;
    const std::string to = name + "/" + part;
    base::check(::renameat(directory.get(), part, directory.get(), to.c_str()), "move", data_dir + "/" + part);
  }
  base::check(::fsync(directory.get()), "fsync", data_dir);
  base::log_warning("the damaged data are in {}/{} now, and may be removed", data_dir, name);
}

}  // namespace

std::string rejoin_advice(const KvdOptions& options) {
  return std::format("`kvctl member replace {}` makes room for it as a new member; then start it again", options.name);
}

void make_way_for_new_member(const KvdOptions& options, const std::string& damage, BootstrapNetwork& network) {
  const DataDir lock(options.data_dir);
  const std::vector<std::string> others = peer_urls_of_others(options, network);
  if (others.empty()) throw base::Error("", "", damage + "; there is no other member to get the data from");
  const std::uint64_t old_id = old_id_of(lock.file("wal"));
  std::optional<Member> self;
  try {
    self = find_self(options, fetch_cluster(others, network), network);
  } catch (const base::Error& error) {
    base::log_warning("{}", error.what());
  }
  if (!self || self->started() || self->id == old_id) {
    throw base::Error("", "", damage + "; " + rejoin_advice(options));
  }
  base::log_warning("{}; the cluster has member {} in its place", damage, id_text(self->id));
  move_aside(options.data_dir);
}

}  // namespace kv
