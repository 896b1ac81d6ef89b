#include "base/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <tuple>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace base {
namespace {

bool is_literal(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::vector<std::string> from_hosts_file(const std::string& host) {
  std::vector<std::string> found;
  const auto text = read_file_if_exists("/etc/hosts");
  if (!text) return found;
  for (const auto& line : split(*text, '\n')) {
    const auto words = split_words(std::string_view(line).substr(0, line.find('#')));
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (lower(words[i]) == lower(host) && is_literal(words[0])) found.push_back(words[0]);
    }
  }
  return found;
}

// Written by c-ares' thread until the queue is empty or the channel destroyed, read after that.
struct Answer {
  std::string error;
  std::vector<std::string> ipv4;
  std::vector<std::string> ipv6;
};

void take_answer(void* context, int status, int, ares_addrinfo* result) {
  auto& answer = *static_cast<Answer*>(context);
  if (status != ARES_SUCCESS) {
    answer.error = ares_strerror(status);
  } else {
    for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
      char text[INET6_ADDRSTRLEN] = {};
      if (node->ai_family == AF_INET) {
        ares_inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(node->ai_addr)->sin_addr, text, sizeof(text));
        answer.ipv4.emplace_back(text);
      } else if (node->ai_family == AF_INET6) {
        ares_inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(node->ai_addr)->sin6_addr, text, sizeof(text));
        answer.ipv6.emplace_back(text);
      }
    }
  }
  ares_freeaddrinfo(result);
}

// Asks by `ask(channel)`, whose callback runs in c-ares' thread, and returns when it has run.
template <typename Ask>
void ask_dns(const std::string& name, std::chrono::milliseconds timeout, const std::string& servers, const Ask& ask) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_channel_t* channel = nullptr;
  ares_options options = {};
  options.timeout = 2000;  // ms for the first try
  options.tries = 3;
  // Files are read above; "b" asks DNS alone and needs no nsswitch.conf.
  char lookups[] = "b";
  options.lookups = lookups;
  options.evsys = ARES_EVSYS_DEFAULT;  // c-ares polls in a thread of its own; callbacks run there
  int status = ares_init_options(&channel, &options,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_EVENT_THREAD);
  if (status == ARES_SUCCESS && !servers.empty()) {
    status = ares_set_servers_ports_csv(channel, servers.c_str());
    if (status != ARES_SUCCESS) ares_destroy(channel);
  }
  if (status != ARES_SUCCESS) throw Error("resolve", name, ares_strerror(status));

  ask(channel);
  const bool in_time = ares_queue_wait_empty(channel, static_cast<int>(timeout.count())) == ARES_SUCCESS;
  ares_destroy(channel);  // ends a query under way: its callback runs once more before this returns
  if (!in_time) throw Error("resolve", name, "no answer in time");
}

std::vector<std::string> from_dns(const std::string& host, std::chrono::milliseconds timeout) {
  Answer answer;
  ask_dns(host, timeout, "", [&](ares_channel_t* channel) {
    ares_addrinfo_hints hints = {};
    hints.ai_family = AF_UNSPEC;
    ares_getaddrinfo(channel, host.c_str(), nullptr, &hints, take_answer, &answer);
  });
  if (!answer.error.empty()) throw Error("resolve", host, answer.error);
  answer.ipv4.insert(answer.ipv4.end(), answer.ipv6.begin(), answer.ipv6.end());
  return answer.ipv4;
}

struct SrvAnswer {
  int status = ARES_SUCCESS;
  std::vector<SrvRecord> records;
};

void take_srv_answer(void* context, ares_status_t status, std::size_t, const ares_dns_record_t* message) {
  auto& answer = *static_cast<SrvAnswer*>(context);
  answer.status = static_cast<int>(status);
  if (message == nullptr) return;
  const std::size_t count = ares_dns_record_rr_cnt(message, ARES_SECTION_ANSWER);
  for (std::size_t i = 0; i < count; ++i) {
    const ares_dns_rr_t* record = ares_dns_record_rr_get_const(message, ARES_SECTION_ANSWER, i);
    if (ares_dns_rr_get_type(record) != ARES_REC_TYPE_SRV) continue;
    std::string target(ares_dns_rr_get_str(record, ARES_RR_SRV_TARGET));
    if (target.ends_with('.')) target.pop_back();
    answer.records.push_back({std::move(target), ares_dns_rr_get_u16(record, ARES_RR_SRV_PORT),
                              ares_dns_rr_get_u16(record, ARES_RR_SRV_PRIORITY),
                              ares_dns_rr_get_u16(record, ARES_RR_SRV_WEIGHT)});
  }
}

}  // namespace

std::vector<std::string> resolve(const std::string& host, std::chrono::milliseconds timeout) {
  if (is_literal(host)) return {host};
  if (host.empty() || host.size() > 253) throw Error("resolve", host.substr(0, 64), "no valid host name");
  auto found = from_hosts_file(host);
  if (found.empty() && (host == "localhost" || host.ends_with(".localhost"))) found = {"127.0.0.1", "::1"};  // RFC 6761
  if (found.empty()) found = from_dns(host, timeout);
  if (found.empty()) throw Error("resolve", host, "no address");
  return found;
}

std::vector<SrvRecord> resolve_srv(const std::string& name, std::chrono::milliseconds timeout,
                                   const std::string& servers) {
  if (name.empty() || name.size() > 253) throw Error("resolve", name.substr(0, 64), "no valid name");
  SrvAnswer answer;
  ask_dns(name, timeout, servers, [&](ares_channel_t* channel) {
    ares_query_dnsrec(channel, name.c_str(), ARES_CLASS_IN, ARES_REC_TYPE_SRV, take_srv_answer, &answer, nullptr);
  });
  if (answer.status == ARES_ENOTFOUND || answer.status == ARES_ENODATA) return {};
  if (answer.status != ARES_SUCCESS) throw Error("resolve", name, ares_strerror(answer.status));
  std::ranges::sort(answer.records, {}, [](const SrvRecord& record) {
    return std::tuple(record.priority, -record.weight, record.target, record.port);
  });
  return answer.records;
}

}  // namespace base
