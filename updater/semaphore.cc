#include "updater/semaphore.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace updater {
namespace {

constexpr int kMaxTries = 32;  // lost races in a row before we give up
constexpr std::size_t kMaxHolders = 10000;

[[noreturn]] void refuse(std::string_view reason) {
  throw base::Error("", "", reason);
}

}  // namespace

void Semaphore::lock(const std::string& holder) {
  const auto place = std::ranges::lower_bound(holders, holder);
  if (place != holders.end() && *place == holder) refuse("holder exists");
  if (available <= 0) refuse("semaphore is at 0");
  holders.insert(place, holder);
  --available;
}

void Semaphore::unlock(const std::string& holder) {
  const auto place = std::ranges::lower_bound(holders, holder);
  if (place == holders.end() || *place != holder) refuse("holder does not exist");
  holders.erase(place);
  ++available;
}

std::int64_t Semaphore::set_max(std::int64_t new_max) {
  const std::int64_t old = std::exchange(max, new_max);
  available += new_max - old;
  return old;
}

Semaphore parse_semaphore(std::string_view text, std::string_view where) {
  const base::Json json = base::parse_json(text, where);
  if (!json.is_object()) throw base::Error("read semaphore", where, "it is no JSON object");
  Semaphore semaphore;
  semaphore.available = base::json_integer(json, "semaphore");
  semaphore.max = base::json_integer(json, "max");
  const auto holders = json.find("holders");
  if (holders != json.end() && !holders->is_null()) {
    if (!holders->is_array() || holders->size() > kMaxHolders) {
      throw base::Error("read semaphore", where, "\"holders\" is no list");
    }
    for (const base::Json& holder : *holders) {
      if (!holder.is_string()) throw base::Error("read semaphore", where, "a holder is not a string");
      semaphore.holders.push_back(holder.get<std::string>());
    }
    std::ranges::sort(semaphore.holders);
  }
  return semaphore;
}

std::string to_json_text(const Semaphore& semaphore) {
  base::Json json;
  json["semaphore"] = semaphore.available;
  json["max"] = semaphore.max;
  json["holders"] = semaphore.holders.empty() ? base::Json() : base::Json(semaphore.holders);
  return base::to_text(json);
}

std::string semaphore_key(std::string_view group) {
  constexpr std::string_view kPrefix = "/coreos.com/updateengine/rebootlock/";
  if (group.empty()) return std::string(kPrefix) + "semaphore";
  std::string escaped = base::percent_encode(group, "-._~");
  for (std::size_t at = 0; (at = escaped.find("%20", at)) != std::string::npos;) escaped.replace(at, 3, "+");
  return std::string(kPrefix) + "groups/" + escaped + "/semaphore";
}

Semaphore SemaphoreLock::get() {
  if (const auto node = store_.get(key_)) return parse_semaphore(node->value, key_);
  return Semaphore{};
}

Semaphore SemaphoreLock::update(const std::function<void(Semaphore&)>& change) {
  for (int i = 0; i < kMaxTries; ++i) {
    const auto node = store_.get(key_);
    Semaphore semaphore = node ? parse_semaphore(node->value, key_) : Semaphore{};
    change(semaphore);
    kv::PutOptions condition;
    if (node) {
      condition.previous_index = node->modified_index;
    } else {
      condition.previous_exists = false;
    }
    if (store_.put(key_, to_json_text(semaphore), condition)) return semaphore;
  }
  throw base::Error("write semaphore", key_, "other machines change it all the time");
}

void SemaphoreLock::lock(const std::string& holder) {
  update([&](Semaphore& semaphore) { semaphore.lock(holder); });
}

void SemaphoreLock::unlock(const std::string& holder) {
  update([&](Semaphore& semaphore) { semaphore.unlock(holder); });
}

bool SemaphoreLock::release(const std::string& holder) {
  if (!std::ranges::contains(get().holders, holder)) return false;
  unlock(holder);
  return true;
}

std::pair<Semaphore, std::int64_t> SemaphoreLock::set_max(std::int64_t max) {
  std::int64_t old = 0;
  const Semaphore now = update([&](Semaphore& semaphore) { old = semaphore.set_max(max); });
  return {now, old};
}

}  // namespace updater
