// After each change that it is told of the client reads the whole list again: one request more for each member, and no
// state between requests that could be wrong.
//
// The token in the URL lets anyone join, so the log names the service and not the URL.

#include "kv/bootstrap_discovery.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "kv/members.h"

namespace kv {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRequestTime{5000};
constexpr milliseconds kWatchTime{300'000};
constexpr milliseconds kBrokenWatchPause{1000};
constexpr unsigned kMaxDoublings = 8;
constexpr std::uint64_t kMaxSize = 1000;
constexpr int kKeyNotFound = 100;
constexpr int kNodeExists = 105;

// The service did not answer, or not for good: worth another try.
struct Unavailable {
  std::string reason;
};

struct Registered {
  std::string id;
  std::string value;
  std::uint64_t created_index = 0;
};

struct Listing {
  std::vector<Registered> members;  // by created_index, cut at the cluster's size
  std::uint64_t size = 0;
  std::uint64_t index = 0;  // the service's
  bool self_is_in = false;
  bool full = false;
};

class Discovery {
 public:
  Discovery(const KvdOptions& options, BootstrapNetwork& network)
      : network_(network),
        url_(base::parse_url(options.discovery_url)),
        path_(url_.path.substr(0, url_.path.find_last_not_of('/') + 1)),
        own_id_(id_text(member_id(options.initial_advertise_peer_urls, options.discovery_url))),
        own_value_(initial_cluster_text({{options.name, options.initial_advertise_peer_urls}})) {}

  std::vector<InitialMember> join() {
    bool registered = false;
    bool outcome_unknown = false;
    for (unsigned tries = 0;;) {
      try {
        Listing listing = list();
        if (listing.full && !listing.self_is_in) refuse("cluster is full");
        if (!registered) {
          registered = create(listing, outcome_unknown);
          continue;
        }
        if (listing.members.size() >= listing.size) return cluster(listing);
        base::log_info("discovery at {}: found {} of {} members, waiting for more", url_.origin(),
                       listing.members.size(), listing.size);
        tries = 0;
        wait(listing.index + 1);
      } catch (const Unavailable& unavailable) {
        tries = std::min(tries + 1, kMaxDoublings);
        const std::chrono::seconds pause(1U << tries);
        base::log_warning("discovery at {}: {}; trying again in {} s", url_.origin(), unavailable.reason,
                          pause.count());
        network_.pause(pause);
      }
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view reason) const { throw base::Error("discovery", url_.origin(), reason); }

  base::HttpResponse ask(const base::HttpRequest& request, milliseconds patience) {
    try {
      base::HttpResponse response = network_.ask_discovery(url_, request, patience);
      if (response.status >= 500) throw Unavailable{std::format("status {}", response.status)};
      return response;
    } catch (const base::Error& error) {
      throw Unavailable{error.what()};
    }
  }

  // An answer of the v2 API; anything else stands at a URL that is no discovery service.
  base::Json parse(const base::HttpResponse& response) const {
    try {
      base::Json json = base::parse_json(response.body, "the answer");
      if (json.is_object() && (json.contains("node") || json.contains("errorCode"))) return json;
    } catch (const base::Error&) {
      // Said below.
    }
    refuse(std::format("bad discovery endpoint (status {}, no answer of etcd's v2 API)", response.status));
  }

  base::Json get(const std::string& suffix, base::HttpResponse& response) {
    base::HttpRequest request;
    request.target = path_ + suffix;
    response = ask(request, kRequestTime);
    return parse(response);
  }

  std::uint64_t size() {
    base::HttpResponse response;
    const base::Json json = get("/_config/size", response);
    if (base::json_integer(json, "errorCode") == kKeyNotFound) refuse("size key not found");
    if (!json.contains("node")) refuse(base::json_string(json, "message", "no size"));
    const auto size = base::parse_unsigned(base::json_string(json["node"], "value"));
    if (!size || *size == 0 || *size > kMaxSize) refuse("size key is bad");
    return *size;
  }

  Listing list() {
    Listing listing;
    listing.size = size();
    base::HttpResponse response;
    const base::Json json = get("", response);
    if (!json.contains("node")) refuse(base::json_string(json, "message", "token not found"));
    listing.index = base::parse_unsigned(response.headers.get("X-Etcd-Index")).value_or(0);
    const auto nodes = json["node"].find("nodes");
    if (nodes != json["node"].end()) {
      for (const base::Json& node : *nodes) add(listing, node);
    }
    std::ranges::sort(listing.members, {}, &Registered::created_index);
    if (listing.members.size() > listing.size) listing.members.resize(listing.size);
    listing.full = listing.members.size() == listing.size;
    listing.self_is_in = std::ranges::contains(listing.members, own_id_, &Registered::id);
    return listing;
  }

  static void add(Listing& listing, const base::Json& node) {
    const std::string key = base::json_string(node, "key");
    const std::string id = key.substr(key.rfind('/') + 1);
    if (id.starts_with('_')) return;
    listing.members.push_back(
        {id, base::json_string(node, "value"), static_cast<std::uint64_t>(base::json_integer(node, "createdIndex"))});
  }

  // True when this member's key is there. It may be there already only when an earlier try of ours went unanswered:
  // else another member has the same id.
  bool create(const Listing& listing, bool& outcome_unknown) {
    if (listing.self_is_in && outcome_unknown) return true;
    base::HttpRequest request;
    request.method = "PUT";
    request.target = path_ + "/" + own_id_ + "?prevExist=false";
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = "value=" + base::percent_encode(own_value_, "-._~");
    base::HttpResponse response;
    try {
      response = ask(request, kRequestTime);
    } catch (const Unavailable&) {
      outcome_unknown = true;
      throw;
    }
    const base::Json json = parse(response);
    if (json.contains("node")) return true;
    if (base::json_integer(json, "errorCode") == kNodeExists) refuse("found duplicate id " + own_id_);
    refuse(base::json_string(json, "message", "registration failed"));
  }

  // Returns at a change, and when there was none for long; either way the list is read again, and whether the service
  // is well is found out there.
  void wait(std::uint64_t index) {
    base::HttpRequest request;
    request.target = std::format("{}?recursive=true&wait=true&waitIndex={}", path_, index);
    try {
      if (ask(request, kWatchTime).status == 200) return;
    } catch (const Unavailable& unavailable) {
      base::log_debug("discovery at {}: {}", url_.origin(), unavailable.reason);
    }
    network_.pause(kBrokenWatchPause);
  }

  std::vector<InitialMember> cluster(const Listing& listing) const {
    std::vector<InitialMember> members;
    for (const Registered& one : listing.members) {
      try {
        std::vector<InitialMember> parsed = parse_initial_cluster(one.value, "discovery");
        members.insert(members.end(), parsed.begin(), parsed.end());
      } catch (const base::UsageError& error) {
        refuse(error.what());
      }
    }
    std::set<std::string> names;
    for (const InitialMember& member : members) {
      if (!names.insert(member.name).second) refuse("found duplicate name " + member.name);
    }
    if (members.size() != listing.size) refuse("a registration has no name or several");
    return members;
  }

  BootstrapNetwork& network_;
  base::Url url_;
  std::string path_;
  std::string own_id_;
  std::string own_value_;
};

}  // namespace

std::vector<InitialMember> join_by_discovery(const KvdOptions& options, BootstrapNetwork& network) {
  return Discovery(options, network).join();
}

}  // namespace kv
