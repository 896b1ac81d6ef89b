// What a start would silently mend (a torn end of the log, a snapshot that was installed while the log still had the
// old entries) is no damage; where it cannot be told from damage it is named, since a person asked.

#include "kv/data_check.h"

#include <format>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "kv/checkpoint_rows.h"
#include "kv/command.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/members.h"
#include "kv/proposal_entry.h"
#include "kv/sqlite_file.h"
#include "kv/sqlite_image.h"
#include "kv/wal.h"

namespace kv {

namespace {

constexpr std::size_t kMaxLines = 100;  // of one file

struct LogState {
  WalIdentity member;
  LogContent content;

  std::uint64_t last_index() const { return content.first_index + content.entries.size() - 1; }
  const RaftEntry* at(std::uint64_t index) const {
    const bool held = index >= content.first_index && index <= last_index();
    return held ? &content.entries[index - content.first_index] : nullptr;
  }
};

class DataCheck {
 public:
  explicit DataCheck(const std::string& path) : path_(path) {}

  DataReport run() {
    const bool has_state = base::exists(path_ + "/store.db");
    const bool has_log = base::exists(path_ + "/wal");
    if (!has_state && !has_log)
      throw base::Error("check", path_, "it holds no member's data (neither wal/ nor store.db)");
    if (has_log) {
      guarded("wal", [this] { check_log(); });
    } else {
      complain("wal", "it is missing");
    }
    if (has_state) guarded("store.db", [this] { check_state(); });
    if (log_) check_fit();
    return {std::move(problems_), summary()};
  }

 private:
  void complain(std::string_view file, std::string_view problem) {
    problems_.push_back(std::format("{}: {}", file, problem));
  }
  template <typename Work>
  void guarded(std::string_view file, Work work) {
    try {
      work();
    } catch (const base::Error& error) {
      complain(file, error.what());
    }
  }

  void check_log() {
    ReadOnlyStorage storage(path_ + "/wal");
    if (!Wal::exists(storage)) return complain("wal", "it has no segment");
    const std::vector<std::string> lines = Wal::check(storage);
    for (const std::string& line : lines) problems_.push_back("wal/" + line);
    if (!lines.empty()) return;
    Wal log(storage, base::system_random());
    log_ = {log.identity(), log.take_content()};
    for (const RaftEntry& entry : log_->content.entries) {
      guarded("wal", [&] { check_entry(entry); });
    }
  }

  void check_entry(const RaftEntry& entry) {
    if (entry.term > log_->content.state.term) {
      complain("wal", std::format("entry {} is of term {}, but the member knows only of term {}", entry.index,
                                  entry.term, log_->content.state.term));
    }
    if (entry.kind == EntryKind::kCommand) decode_command(decode_proposal_entry(entry.bytes()).command);
    if (entry.kind == EntryKind::kConfiguration) decode_configuration(entry.bytes());
  }

  void check_state() {
    SqliteImage image = read_sqlite_image(path_ + "/store.db");
    problems_.insert(problems_.end(), image.problems.begin(), image.problems.end());
    if (image.bytes.empty()) return;  // made and never written to
    base::Database database(std::as_writable_bytes(std::span(image.bytes)), path_ + "/store.db");
    const std::int64_t version = file_version(database, kCheckpointApplicationId);
    if (version == 0) return;
    if (version != kCheckpointVersion) {
      return complain("store.db", std::format("its format is version {}, which has no checksums; a start of kvd brings "
                                              "version 2 to version {}",
                                              version, kCheckpointVersion));
    }
    check_structure(database);
    std::size_t lines = 0;
    facts_ = read_facts(database);
    StoreImage state = read_state(database, *facts_, [&](const std::string& problem) {
      if (++lines <= kMaxLines) complain("store.db", problem);
    });
    if (lines > kMaxLines) complain("store.db", std::format("and {} more", lines - kMaxLines));
    nodes_ = state.nodes.size();
    if (lines == 0) Store().restore(state);
  }

  void check_structure(base::Database& database) {
    base::Statement rows(database, std::format("PRAGMA integrity_check({})", kMaxLines));
    while (rows.step()) {
      if (const std::string line = rows.text(0); line != "ok") complain("store.db", line);
    }
  }

  // As RaftEngine::start() wants it.
  void check_fit() {
    const CheckpointFacts facts = facts_.value_or(CheckpointFacts{.member = log_->member});
    const RaftBase& base = facts.base;
    auto wrong = [this](std::string line) { problems_.push_back(std::move(line)); };
    if (facts.member != log_->member) {
      return wrong(std::format("store.db is of member {} of cluster {}, wal of member {} of cluster {}",
                               id_text(facts.member.member_id), id_text(facts.member.cluster_id),
                               id_text(log_->member.member_id), id_text(log_->member.cluster_id)));
    }
    if (base.index + 1 < log_->content.first_index) {
      wrong(std::format("store.db ends at entry {}, wal begins at entry {}: what is between them is missing",
                        base.index, log_->content.first_index));
    }
    if (base.index > log_->last_index()) {
      wrong(
          std::format("wal ends at entry {}, before entry {} of store.db: its end is missing (or the member stopped "
                      "while it took in the state of another one, then a start mends it)",
                      log_->last_index(), base.index));
    }
    if (base.term > log_->content.state.term) {
      wrong(std::format("store.db is of term {}, wal knows only of term {}", base.term, log_->content.state.term));
    }
    if (const RaftEntry* entry = log_->at(base.index); entry != nullptr && entry->term != base.term) {
      wrong(
          std::format("entry {} is of term {} in store.db and of term {} in wal", base.index, base.term, entry->term));
    }
    const RaftEntry* configured = log_->at(base.configuration_index);
    if (base.index > 0 && configured != nullptr && configured->bytes() != encode(base.configuration)) {
      wrong(std::format("entry {} makes other voters in store.db than in wal", base.configuration_index));
    }
  }

  std::string summary() const {
    std::string text = path_ + ":";
    if (log_) {
      text += std::format(" member {} of cluster {}, term {}, entries {} to {} in wal;",
                          id_text(log_->member.member_id), id_text(log_->member.cluster_id), log_->content.state.term,
                          log_->content.first_index, log_->last_index());
    }
    if (!facts_) return text + " nothing in store.db yet";
    return text +
           std::format(" {} nodes at index {} and entry {} in store.db", nodes_, facts_->revision, facts_->base.index);
  }

  std::string path_;
  std::vector<std::string> problems_;
  std::optional<LogState> log_;
  std::optional<CheckpointFacts> facts_;
  std::size_t nodes_ = 0;
};

}  // namespace

DataReport check_data_dir(const std::string& path) {
  const base::Fd lock = lock_data_dir_to_look(path);
  return DataCheck(path).run();
}

}  // namespace kv
