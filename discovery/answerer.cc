// One query, one Job. The zone is asked for every record at or below the name; each type turns them into its own kind
// of answer. What makes an answer well-formed comes last, for all types: one TTL for a set of records (RFC 2181, 5.2),
// no record twice, a SOA when there is nothing.

#include "discovery/answerer.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>

#include "base/version.h"

namespace discovery {
namespace {

constexpr int kMaxChain = 8;             // CNAMEs after each other
constexpr std::size_t kMaxString = 255;  // of a TXT record

Name below(std::initializer_list<std::string_view> labels, const Name& domain) {
  Name name(labels.begin(), labels.end());
  name.insert(name.end(), domain.begin(), domain.end());
  return name;
}

const Name* target_of(const Service& service) {
  return std::get_if<Name>(&service.host);
}

bool has_address(const Service& service) {
  return std::holds_alternative<Ipv4>(service.host) || std::holds_alternative<Ipv6>(service.host);
}

// The address as a record of `type`, if it is of that kind.
std::optional<Record> address_record(const Entry& entry, const Name& owner, std::uint16_t type, std::uint32_t ttl) {
  if (const auto* v4 = std::get_if<Ipv4>(&entry.service.host); v4 != nullptr && type == kTypeA) {
    return Record{.name = owner, .type = type, .ttl = ttl, .data = *v4};
  }
  if (const auto* v6 = std::get_if<Ipv6>(&entry.service.host); v6 != nullptr && type == kTypeAaaa) {
    return Record{.name = owner, .type = type, .ttl = ttl, .data = *v6};
  }
  return {};
}

// The name of a record whose host is an address, without its first `targetstrip` labels; too many: without none less.
Name synthesised_target(const Entry& entry) {
  const std::size_t strip = entry.service.target_strip;
  if (strip >= entry.name.size()) return entry.name;
  return Name(entry.name.begin() + static_cast<std::ptrdiff_t>(strip), entry.name.end());
}

std::vector<std::string> pieces(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size(); at += kMaxString) result.push_back(text.substr(at, kMaxString));
  return result;
}

// Two records with one key are the same record, TTL aside: its encoding says it.
std::string identity(const Record& record) {
  Query no_question;
  Record copy = record;
  copy.ttl = 0;
  copy.name = lower(copy.name);
  return encode_response(no_question, Response{.answer = {copy}, .authority = {}, .additional = {}}, UINT16_MAX);
}

void tidy(std::vector<Record>& records) {
  std::set<std::string> seen;
  std::erase_if(records, [&](const Record& record) { return !seen.insert(identity(record)).second; });
  std::map<std::pair<Name, std::uint16_t>, std::uint32_t> lowest;
  for (const Record& record : records) {
    const auto [place, is_new] = lowest.try_emplace({lower(record.name), record.type}, record.ttl);
    if (!is_new) place->second = std::min(place->second, record.ttl);
  }
  for (Record& record : records) record.ttl = lowest.at({lower(record.name), record.type});
}

Response refused() {
  return Response{.rcode = Rcode::kRefused, .answer = {}, .authority = {}, .additional = {}};
}

}  // namespace

struct Answerer::Job {
  const Query& query;
  const Zone& zone;
  Response response;
  std::set<Name> targets;   // looked up into the additional section already
  std::vector<Name> chain;  // names on the CNAME chain under way
};

Answerer::Answerer(AnswererOptions options, base::Clock& clock, base::Random& random)
    : options_(std::move(options)), clock_(clock), random_(random) {}

std::vector<const Entry*> Answerer::records(const Job& job, const Name& name) const {
  const Name local = below({"local", "dns"}, options_.domain);
  const Name wanted = options_.local && same_name(name, local) ? *options_.local : name;
  return of_one_group(without_duplicates(job.zone.find(lower(wanted)).entries));
}

// Addresses of everything at `name`, as records of `owner`. A record that names another host becomes a CNAME with what
// is behind it; one that leads nowhere inside the domain is left out, one that leads outside is left to the asker.
void Answerer::add_addresses(Job& job, const Name& owner, const Name& name, std::uint16_t type, int depth) const {
  std::vector<const Entry*> entries = records(job, name);
  for (std::size_t i = entries.size(); i > 1; --i) std::swap(entries[i - 1], entries[random_.below(i)]);

  bool has_cname = false;
  job.chain.push_back(lower(owner));
  for (const Entry* entry : entries) {
    if (auto record = address_record(*entry, owner, type, ttl_of(*entry))) {
      job.response.answer.push_back(std::move(*record));
      continue;
    }
    const Name* target = target_of(entry->service);
    if (target == nullptr || has_cname || depth == kMaxChain) continue;
    const bool is_loop = std::ranges::find(job.chain, lower(*target)) != job.chain.end();
    if (is_loop) continue;
    const std::size_t before = job.response.answer.size();
    job.response.answer.push_back(
        {.name = owner, .type = kTypeCname, .ttl = ttl_of(*entry), .data = NameData{*target}});
    if (is_within(*target, options_.domain)) {
      add_addresses(job, *target, *target, type, depth + 1);
      if (job.response.answer.size() == before + 1) {
        job.response.answer.pop_back();
        continue;
      }
    }
    has_cname = true;
  }
  job.chain.pop_back();
}

// Addresses of a name that an answer points at, once for each name.
void Answerer::add_target(Job& job, const Name& target) const {
  if (!is_within(target, options_.domain) || !job.targets.insert(lower(target)).second) return;
  Job inner{.query = job.query, .zone = job.zone, .response = {}, .targets = {}, .chain = {}};
  add_addresses(inner, target, target, kTypeA, 0);
  add_addresses(inner, target, target, kTypeAaaa, 0);
  std::ranges::move(inner.response.answer, std::back_inserter(job.response.additional));
}

void Answerer::add_srv(Job& job) const {
  const std::vector<const Entry*> entries = records(job, job.query.name);
  const auto priority_of = [&](const Entry* entry) {
    return entry->service.priority == 0 ? options_.priority : entry->service.priority;
  };
  const auto weight_of = [](const Entry* entry) { return entry->service.weight == 0 ? 100u : entry->service.weight; };

  std::map<std::uint16_t, std::uint64_t> sums;
  for (const Entry* entry : entries) {
    if (!std::holds_alternative<std::monostate>(entry->service.host)) sums[priority_of(entry)] += weight_of(entry);
  }
  for (const Entry* entry : entries) {
    const Service& service = entry->service;
    if (std::holds_alternative<std::monostate>(service.host)) continue;
    SrvData data{.priority = priority_of(entry),
                 .weight = static_cast<std::uint16_t>(std::uint64_t{100} * weight_of(entry) / sums[priority_of(entry)]),
                 .port = service.port,
                 .target = {}};
    const Name* target = target_of(service);
    data.target = target != nullptr ? *target : synthesised_target(*entry);
    if (target != nullptr) {
      add_target(job, *target);
    } else {
      for (const std::uint16_t type : {kTypeA, kTypeAaaa}) {
        if (auto record = address_record(*entry, data.target, type, ttl_of(*entry))) {
          job.response.additional.push_back(std::move(*record));
        }
      }
    }
    job.response.answer.push_back({.name = job.query.name, .type = kTypeSrv, .ttl = ttl_of(*entry), .data = data});
  }
}

void Answerer::add_mx(Job& job) const {
  for (const Entry* entry : records(job, job.query.name)) {
    const Service& service = entry->service;
    if (!service.mail || std::holds_alternative<std::monostate>(service.host)) continue;
    const Name* target = target_of(service);
    const MxData data{.preference = service.priority == 0 ? options_.priority : service.priority,
                      .exchange = target != nullptr ? *target : synthesised_target(*entry)};
    if (target != nullptr) add_target(job, *target);
    for (const std::uint16_t type : {kTypeA, kTypeAaaa}) {
      if (auto record = address_record(*entry, data.exchange, type, ttl_of(*entry))) {
        job.response.additional.push_back(std::move(*record));
      }
    }
    job.response.answer.push_back({.name = job.query.name, .type = kTypeMx, .ttl = ttl_of(*entry), .data = data});
  }
}

void Answerer::add_txt(Job& job) const {
  for (const Entry* entry : records(job, job.query.name)) {
    if (entry->service.text.empty()) continue;
    job.response.answer.push_back({.name = job.query.name,
                                   .type = kTypeTxt,
                                   .ttl = ttl_of(*entry),
                                   .data = TxtData{pieces(entry->service.text)}});
  }
}

void Answerer::add_cname(Job& job) const {
  const std::vector<const Entry*> entries = records(job, job.query.name);
  if (entries.empty()) return;
  if (const Name* target = target_of(entries.front()->service)) {
    job.response.answer.push_back(
        {.name = job.query.name, .type = kTypeCname, .ttl = ttl_of(*entries.front()), .data = NameData{*target}});
  }
}

void Answerer::add_ns(Job& job) const {
  for (const Entry* entry : records(job, below({"ns", "dns"}, options_.domain))) {
    if (!has_address(entry->service)) continue;
    job.response.answer.push_back(
        {.name = job.query.name, .type = kTypeNs, .ttl = ttl_of(*entry), .data = NameData{entry->name}});
    for (const std::uint16_t type : {kTypeA, kTypeAaaa}) {
      if (auto record = address_record(*entry, entry->name, type, ttl_of(*entry))) {
        job.response.additional.push_back(std::move(*record));
      }
    }
  }
}

Record Answerer::soa() const {
  using namespace std::chrono;
  const auto hour = floor<hours>(clock_.wall_now()).time_since_epoch();
  return {.name = options_.domain,
          .type = kTypeSoa,
          .ttl = options_.negative_ttl,
          .data = SoaData{.server = below({"ns", "dns"}, options_.domain),
                          .mailbox = below({"hostmaster"}, options_.domain),
                          .serial = static_cast<std::uint32_t>(duration_cast<seconds>(hour).count()),
                          .refresh = 28800,
                          .retry = 7200,
                          .expire = 604800,
                          .minimum = options_.negative_ttl}};
}

Response Answerer::answer_chaos(const Query& query, const Zone* zone, const FeedState& feed) const {
  Response response;
  const std::string name = to_text(lower(query.name));
  std::vector<std::string> strings;
  if (name == "version.bind." || name == "version.server.") {
    strings = {std::format("clusteros {}", base::version())};
  } else if (name == "hostname.bind." || name == "id.server.") {
    strings = {"localhost"};
  } else if (name == "zone.server.") {
    strings = {std::format("records={}", zone == nullptr ? 0 : zone->size()), std::format("index={}", feed.index),
               std::format("store={}", feed.connected ? "connected" : "lost"),
               std::format("synced={}", zone == nullptr ? "no" : "yes")};
  }
  if (query.type != kTypeTxt || strings.empty()) {
    response.rcode = Rcode::kServerFailure;
    return response;
  }
  response.answer.push_back(
      {.name = query.name, .type = kTypeTxt, .ttl = 0, .data = TxtData{strings}, .klass = kClassChaos});
  return response;
}

// Reverse names are in nobody's domain, so the answer is not authoritative; it must be exactly one record.
Response Answerer::answer_ptr(const Query& query, const Zone& zone) const {
  const Name name = lower(query.name);
  const bool exact =
      std::ranges::none_of(name, [](const std::string& label) { return label == "*" || label == "any"; });
  const std::vector<const Entry*> entries = exact ? zone.find(name).entries : std::vector<const Entry*>();
  if (entries.size() != 1 || entries.front()->name != name || target_of(entries.front()->service) == nullptr) {
    return refused();
  }
  Response response;
  response.answer.push_back({.name = query.name,
                             .type = kTypePtr,
                             .ttl = ttl_of(*entries.front()),
                             .data = NameData{*target_of(entries.front()->service)}});
  return response;
}

Response Answerer::answer(const Query& query, const Zone* zone, const FeedState& feed) const {
  if (query.klass == kClassChaos) return answer_chaos(query, zone, feed);
  if (zone == nullptr || query.klass != kClassIn || query.type == kTypeAny) return refused();
  if (!is_within(query.name, options_.domain)) {
    return query.type == kTypePtr ? answer_ptr(query, *zone) : refused();
  }

  Job job{.query = query, .zone = *zone, .response = {}, .targets = {}, .chain = {}};
  job.response.authoritative = true;
  const bool is_apex = query.name.size() == options_.domain.size();
  switch (query.type) {
    case kTypeA:
    case kTypeAaaa:
      add_addresses(job, query.name, query.name, query.type, 0);
      break;
    case kTypeSrv:
      add_srv(job);
      break;
    case kTypeMx:
      add_mx(job);
      break;
    case kTypeTxt:
      add_txt(job);
      break;
    case kTypeCname:
      add_cname(job);
      break;
    case kTypeNs:
      if (is_apex) add_ns(job);
      break;
    case kTypeSoa:
      if (is_apex) job.response.answer.push_back(soa());
      break;
    default:
      break;
  }
  Response& response = job.response;
  tidy(response.answer);
  tidy(response.additional);
  if (response.answer.empty()) {
    const Name local = below({"local", "dns"}, options_.domain);
    const bool exists =
        is_apex || (options_.local && same_name(query.name, local)) || zone->find(lower(query.name)).exists;
    if (!exists) response.rcode = Rcode::kNameError;
    response.additional.clear();
    response.authority.push_back(soa());
  }
  return std::move(response);
}

}  // namespace discovery
