#include "discovery/probe.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <format>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/text.h"

namespace discovery {
namespace {

using Message = std::unique_ptr<ares_dns_record_t, decltype(&ares_dns_record_destroy)>;

struct Destination {
  sockaddr_storage address{};
  socklen_t size = 0;
};

Destination parse_destination(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const std::string_view digits = colon == std::string::npos ? "" : std::string_view(text).substr(colon + 1);
  const std::uint64_t port = base::parse_unsigned(digits).value_or(0);
  Destination result;
  if (port > 0 && port <= UINT16_MAX) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
      std::memcpy(&result.address, &v4, sizeof v4);
      result.size = sizeof v4;
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (result.size == 0 && inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
      std::memcpy(&result.address, &v6, sizeof v6);
      result.size = sizeof v6;
    }
  }
  if (result.size == 0) throw base::Error("ask", text, "it is not ADDRESS:PORT, such as 127.0.0.153:53");
  return result;
}

std::string query_bytes(std::uint16_t id, const char* name) {
  ares_dns_record_t* raw = nullptr;
  if (ares_dns_record_create(&raw, id, 0, ARES_OPCODE_QUERY, ARES_RCODE_NOERROR) != ARES_SUCCESS) {
    throw base::Error("make a query for", name, "out of memory");
  }
  const Message message(raw, ares_dns_record_destroy);
  unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (ares_dns_record_query_add(raw, name, ARES_REC_TYPE_TXT, ARES_CLASS_CHAOS) != ARES_SUCCESS ||
      ares_dns_write(raw, &bytes, &size) != ARES_SUCCESS) {
    throw base::Error("make a query for", name, "it cannot be encoded");
  }
  std::string result(reinterpret_cast<const char*>(bytes), size);
  ares_free_string(bytes);
  return result;
}

// The strings of the first TXT record; nothing when the message is another one's.
std::vector<std::string> txt_strings(std::string_view bytes, std::uint16_t id) {
  ares_dns_record_t* raw = nullptr;
  if (ares_dns_parse(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), 0, &raw) != ARES_SUCCESS) {
    return {};
  }
  const Message message(raw, ares_dns_record_destroy);
  std::vector<std::string> strings;
  if (ares_dns_record_get_id(raw) != id) return strings;
  for (std::size_t i = 0; i < ares_dns_record_rr_cnt(raw, ARES_SECTION_ANSWER) && strings.empty(); ++i) {
    const ares_dns_rr_t* record = ares_dns_record_rr_get_const(raw, ARES_SECTION_ANSWER, i);
    if (ares_dns_rr_get_type(record) != ARES_REC_TYPE_TXT) continue;
    for (std::size_t k = 0; k < ares_dns_rr_get_abin_cnt(record, ARES_RR_TXT_DATA); ++k) {
      std::size_t size = 0;
      const unsigned char* data = ares_dns_rr_get_abin(record, ARES_RR_TXT_DATA, k, &size);
      strings.emplace_back(reinterpret_cast<const char*>(data), size);
    }
  }
  return strings;
}

std::vector<std::string> ask(const std::string& server, const char* name, std::chrono::milliseconds timeout) {
  const Destination to = parse_destination(server);
  const base::Fd socket(
      base::check(::socket(to.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open a socket to", server));
  base::check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.address), to.size), "ask", server);
  const auto id = static_cast<std::uint16_t>(base::system_random().below(UINT16_MAX + 1));
  const std::string query = query_bytes(id, name);
  base::check(::send(socket.get(), query.data(), query.size(), 0), "ask", server);

  pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
  if (base::check(::poll(&waiting, 1, static_cast<int>(timeout.count())), "wait for", server) == 0) {
    throw base::Error("ask", server, std::format("no answer within {} ms", timeout.count()));
  }
  std::string answer(4096, '\0');
  answer.resize(
      static_cast<std::size_t>(base::check(::recv(socket.get(), answer.data(), answer.size(), 0), "ask", server)));
  std::vector<std::string> strings = txt_strings(answer, id);
  if (strings.empty()) throw base::Error("ask", server, "the answer is none of a discoveryd");
  return strings;
}

}  // namespace

ServerStatus probe(const std::string& server, std::chrono::milliseconds timeout) {
  ServerStatus status;
  const auto begin = std::chrono::steady_clock::now();
  status.version = ask(server, "version.server", timeout).front();
  status.latency = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  for (const std::string& fact : ask(server, "zone.server", timeout)) {
    const std::size_t mark = fact.find('=');
    if (mark != std::string::npos) status.facts[fact.substr(0, mark)] = fact.substr(mark + 1);
  }
  return status;
}

}  // namespace discovery
