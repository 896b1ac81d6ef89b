#pragma once
// From a query to a response, by SkyDNS's rules (docs/discovery.md has the table). Pure: time and chance are arguments.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "discovery/message.h"
#include "discovery/zone.h"

namespace discovery {

struct AnswererOptions {
  Name domain;                      // we are the authority for it; lower case
  std::uint32_t ttl = 3600;         // seconds, of records that give none
  std::uint32_t negative_ttl = 60;  // seconds, in the SOA: how long "there is none" may be remembered
  std::uint16_t priority = 10;      // of SRV and MX records that give none
  std::optional<Name> local;        // what local.DOMAIN's "local.dns" stands for on this machine
};

// What the server tells about itself ("zone.server" in class CHAOS), for `discoveryctl status`.
struct FeedState {
  bool connected = false;   // the watch is up
  std::uint64_t index = 0;  // the store's index that the zone is at
};

class Answerer {
 public:
  Answerer(AnswererOptions options, base::Clock& clock, base::Random& random);

  // `zone`: nullptr until the first list has come; everything is refused then.
  Response answer(const Query& query, const Zone* zone, const FeedState& feed) const;

 private:
  struct Job;
  void add_addresses(Job& job, const Name& owner, const Name& name, std::uint16_t type, int depth) const;
  void add_target(Job& job, const Name& target) const;
  void add_srv(Job& job) const;
  void add_mx(Job& job) const;
  void add_txt(Job& job) const;
  void add_cname(Job& job) const;
  void add_ns(Job& job) const;
  Response answer_chaos(const Query& query, const Zone* zone, const FeedState& feed) const;
  Response answer_ptr(const Query& query, const Zone& zone) const;
  Record soa() const;
  std::uint32_t ttl_of(const Entry& entry) const { return entry.ttl == 0 ? options_.ttl : entry.ttl; }
  std::vector<const Entry*> records(const Job& job, const Name& name) const;

  AnswererOptions options_;
  base::Clock& clock_;
  base::Random& random_;
};

}  // namespace discovery
