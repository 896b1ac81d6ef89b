#include "kv/passwords.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "kv/bcrypt.h"

namespace kv {

Passwords::Passwords(Post post, base::Random& random)
    : post_(std::move(post)), random_(random), key_(random.hex_string(32)) {}

Passwords::~Passwords() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// The lengths of key and hash are fixed by their kind, so that no two pairs give the same text.
std::string Passwords::digest(const std::string& password, const std::string& hash) const {
  base::Sha256 sha;
  sha.update(key_);
  sha.update(base::sha256_hex(hash));
  sha.update(password);
  return sha.hex_digest();
}

void Passwords::check(const std::string& password, const std::string& hash, std::function<void(Verdict)> done) {
  std::string known = digest(password, hash);
  if (remembered_.contains(known)) return done(Verdict::kRight);
  auto& waiting = checking_[known];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;  // the same question is under way
  if (!submit({0, password, hash, known})) checked(known, Verdict::kBusy);
}

void Passwords::hash(const std::string& password, std::function<void(const std::string&)> done) {
  std::uint64_t id = ++last_id_;
  hashing_.emplace(id, std::move(done));
  if (!submit({id, password, "", ""})) hashed(id, "");
}

void Passwords::checked(const std::string& digest, Verdict verdict) {
  if (verdict == Verdict::kRight) remember(digest);
  auto answered = checking_.extract(digest);
  for (auto& callback : answered.mapped()) callback(verdict);
}

void Passwords::hashed(std::uint64_t id, const std::string& hash) {
  hashing_.extract(id).mapped()(hash);
}

void Passwords::remember(const std::string& digest) {
  if (!remembered_.insert(digest).second) return;
  by_age_.push_back(digest);
  if (by_age_.size() <= kMaxRemembered) return;
  remembered_.erase(by_age_.front());
  by_age_.pop_front();
}

bool Passwords::submit(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMaxWaiting) return false;
    jobs_.push_back(std::move(job));
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_one();
  return true;
}

void Passwords::run() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    post_(work(job));
  }
}

std::function<void()> Passwords::work(const Job& job) {
  if (job.id == 0) {
    Verdict verdict = bcrypt_matches(job.password, job.hash) ? Verdict::kRight : Verdict::kWrong;
    return [this, digest = job.digest, verdict] { checked(digest, verdict); };
  }
  std::string hash;
  try {
    hash = bcrypt_hash(job.password, random_);
  } catch (const base::Error& error) {
    base::log_error("{}", error.what());
  }
  return [this, id = job.id, hash] { hashed(id, hash); };
}

}  // namespace kv
