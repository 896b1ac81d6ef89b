#pragma once
// DNS messages (RFC 1035 chapter 4, EDNS0 of RFC 6891): queries are decoded, responses are encoded. A server needs no
// more, and what it does not decode cannot hurt it. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "discovery/name.h"

namespace discovery {

enum : std::uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeCname = 5,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeMx = 15,
  kTypeTxt = 16,
  kTypeAaaa = 28,
  kTypeSrv = 33,
  kTypeOpt = 41,
  kTypeAny = 255,
};
enum : std::uint16_t { kClassIn = 1, kClassChaos = 3, kClassAny = 255 };

enum class Rcode : std::uint16_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNameError = 3,  // NXDOMAIN
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // needs EDNS for its upper bits
};

struct Edns {
  std::uint16_t udp_size = 0;  // bytes that the asker takes in a datagram
  std::uint8_t version = 0;
};

struct Query {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  Name name;  // as spelt by the asker
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::optional<Edns> edns;
};

using Ipv4 = std::array<std::uint8_t, 4>;
using Ipv6 = std::array<std::uint8_t, 16>;
struct NameData {  // CNAME, NS, PTR
  Name name;
};
struct MxData {
  std::uint16_t preference = 0;
  Name exchange;
};
struct SrvData {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  Name target;
};
struct TxtData {
  std::vector<std::string> strings;  // each at most 255 bytes
};
struct SoaData {
  Name server;
  Name mailbox;
  std::uint32_t serial = 0;
  std::uint32_t refresh = 0;  // seconds, as the rest
  std::uint32_t retry = 0;
  std::uint32_t expire = 0;
  std::uint32_t minimum = 0;
};

struct Record {
  Name name;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;  // seconds
  std::variant<Ipv4, Ipv6, NameData, MxData, SrvData, TxtData, SoaData> data;
  std::uint16_t klass = kClassIn;
};

struct Response {
  Rcode rcode = Rcode::kNoError;
  bool authoritative = false;
  std::vector<Record> answer;
  std::vector<Record> authority;
  std::vector<Record> additional;
};

// A message that is no query to answer: not even an id (drop it), or one to answer with an error.
struct BadQuery {
  std::optional<Query> answer_to;  // what was understood; nothing: stay silent
  Rcode rcode = Rcode::kFormatError;
};

std::variant<Query, BadQuery> decode_query(std::string_view bytes);

// The message for `query`, of at most `limit` bytes (512 or more). Answer and authority records that do not fit are
// left out with the TC bit set; additional ones are left out silently (RFC 2181, 9). Names are compressed, except in
// SRV (RFC 2782).
std::string encode_response(const Query& query, const Response& response, std::size_t limit);

// Whether encode_response had to set the TC bit.
bool is_truncated(std::string_view message);

}  // namespace discovery
