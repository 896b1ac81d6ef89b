// The codec against golden bytes, against c-ares as an independent reader, and against hostile input.

#include "discovery/message.h"

#include <ares.h>
#include <doctest/doctest.h>

#include <memory>

#include "base/digest.h"
#include "base/random.h"

using namespace discovery;

namespace {

std::string bytes(std::string_view hex) {
  std::string digits;
  for (const char c : hex) {
    if (c != ' ') digits += c;
  }
  return base::unhex(digits).value();
}

// A query for web.skydns.local A, id 0x1234, RD.
const std::string kQuestion = bytes("03 776562 06 736b79646e73 05 6c6f63616c 00 0001 0001");
const std::string kQuery = bytes("1234 0100 0001 0000 0000 0000") + kQuestion;

Query ask(std::string_view name, std::uint16_t type = kTypeA) {
  return {.id = 7, .name = parse_name(name).value(), .type = type, .klass = kClassIn, .edns = {}};
}

Record address(std::string_view name, Ipv4 ip, std::uint32_t ttl = 60) {
  return {.name = parse_name(name).value(), .type = kTypeA, .ttl = ttl, .data = ip};
}

Rcode refusal(std::string_view message) {
  const auto decoded = decode_query(message);
  const auto* bad = std::get_if<BadQuery>(&decoded);
  REQUIRE(bad != nullptr);
  REQUIRE(bad->answer_to.has_value());
  return bad->rcode;
}

bool is_ignored(std::string_view message) {
  const auto decoded = decode_query(message);
  const auto* bad = std::get_if<BadQuery>(&decoded);
  return bad != nullptr && !bad->answer_to;
}

using Parsed = std::unique_ptr<ares_dns_record_t, decltype(&ares_dns_record_destroy)>;

Parsed parse(const std::string& message) {
  ares_dns_record_t* raw = nullptr;
  REQUIRE(ares_dns_parse(reinterpret_cast<const unsigned char*>(message.data()), message.size(), 0, &raw) ==
          ARES_SUCCESS);
  return {raw, ares_dns_record_destroy};
}

}  // namespace

TEST_CASE("a plain query is decoded") {
  const auto decoded = decode_query(kQuery);
  const auto& query = std::get<Query>(decoded);
  CHECK(query.id == 0x1234);
  CHECK(query.recursion_desired);
  CHECK(to_text(query.name) == "web.skydns.local.");
  CHECK(query.type == kTypeA);
  CHECK(query.klass == kClassIn);
  CHECK_FALSE(query.edns);
}

TEST_CASE("EDNS gives the datagram size") {
  const std::string message = bytes("1234 0100 0001 0000 0000 0001") + kQuestion + bytes("00 0029 04d0 00000000 0000");
  const auto decoded = decode_query(message);
  CHECK(std::get<Query>(decoded).edns->udp_size == 1232);
}

TEST_CASE("EDNS of another version, twice, or with an owner is refused") {
  const std::string head = bytes("1234 0100 0001 0000 0000 0001") + kQuestion;
  CHECK(refusal(head + bytes("00 0029 04d0 00010000 0000")) == Rcode::kBadVersion);
  CHECK(refusal(head + bytes("0161 00 0029 04d0 00000000 0000")) == Rcode::kFormatError);
  const std::string two = bytes("1234 0100 0001 0000 0000 0002") + kQuestion;
  CHECK(refusal(two + bytes("00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000")) == Rcode::kFormatError);
}

TEST_CASE("what is too short or a response stays unanswered") {
  CHECK(is_ignored(""));
  CHECK(is_ignored("short"));
  CHECK(is_ignored(bytes("1234 8100 0001 0000 0000 0000") + kQuestion));
}

TEST_CASE("damaged queries are format errors") {
  for (std::size_t cut = 12; cut < kQuery.size(); ++cut) {
    CHECK(refusal(kQuery.substr(0, cut)) == Rcode::kFormatError);
  }
  CHECK(refusal(bytes("1234 0100 0000 0000 0000 0000")) == Rcode::kFormatError);  // no question
  CHECK(refusal(bytes("1234 0100 0002 0000 0000 0000") + kQuestion + kQuestion) == Rcode::kFormatError);
  CHECK(refusal(bytes("1234 2900 0001 0000 0000 0000") + kQuestion) == Rcode::kNotImplemented);  // UPDATE
}

TEST_CASE("compression pointers cannot loop, go forward, or point into the header") {
  const std::string head = bytes("1234 0100 0001 0000 0000 0000");
  CHECK(refusal(head + bytes("c00c 0001 0001")) == Rcode::kFormatError);       // to itself
  CHECK(refusal(head + bytes("0161 c00c 0001 0001")) == Rcode::kFormatError);  // to its own beginning
  CHECK(refusal(head + bytes("c010 0001 0001 00")) == Rcode::kFormatError);    // forward
  CHECK(refusal(head + bytes("c000 0001 0001")) == Rcode::kFormatError);       // header
  CHECK(refusal(head + bytes("41") + std::string(65, 'a') + bytes("00 0001 0001")) == Rcode::kFormatError);
}

TEST_CASE("a name of more than 255 bytes is refused, one of 255 is not") {
  const std::string label63 = bytes("3f") + std::string(63, 'a');
  const std::string head = bytes("1234 0100 0001 0000 0000 0000");
  const std::string tail = bytes("00 0001 0001");
  const std::string three = label63 + label63 + label63;
  CHECK(std::holds_alternative<Query>(decode_query(head + three + bytes("3d") + std::string(61, 'b') + tail)));
  CHECK(refusal(head + three + bytes("3e") + std::string(62, 'b') + tail) == Rcode::kFormatError);
}

TEST_CASE("random bytes never do harm") {
  base::SeededRandom random(20260101);
  for (int i = 0; i < 20000; ++i) {
    std::string message = random.below(2) == 0 ? kQuery : std::string(random.below(80), '\0');
    for (std::uint64_t flips = random.below(6); flips > 0 && !message.empty(); --flips) {
      message[random.below(message.size())] = static_cast<char>(random.below(256));
    }
    const auto decoded = decode_query(message);
    if (const auto* query = std::get_if<Query>(&decoded)) CHECK(wire_size(query->name) <= kMaxName);
  }
}

TEST_CASE("a response has these bytes") {
  Query query = ask("web.skydns.local");
  query.id = 0x1234;
  query.recursion_desired = true;
  Response response;
  response.authoritative = true;
  response.answer = {address("web.skydns.local", {10, 0, 0, 1})};
  CHECK(base::hex(encode_response(query, response, 512)) ==
        base::hex(bytes("1234 8500 0001 0001 0000 0000") + kQuestion + bytes("c00c 0001 0001 0000003c 0004 0a000001")));
}

TEST_CASE("names are compressed without regard to case, SRV targets are not") {
  Query query = ask("WEB.skydns.local", kTypeSrv);
  Response response;
  response.answer = {
      {.name = query.name,
       .type = kTypeSrv,
       .ttl = 5,
       .data = SrvData{.priority = 10, .weight = 100, .port = 80, .target = parse_name("1.web.skydns.local").value()}}};
  response.additional = {address("1.web.skydns.local", {10, 0, 0, 1})};
  const std::string message = encode_response(query, response, 512);
  const Parsed parsed = parse(message);
  const ares_dns_rr_t* srv = ares_dns_record_rr_get_const(parsed.get(), ARES_SECTION_ANSWER, 0);
  CHECK(ares_dns_rr_get_u16(srv, ARES_RR_SRV_PORT) == 80);
  CHECK(std::string(ares_dns_rr_get_str(srv, ARES_RR_SRV_TARGET)) == "1.web.skydns.local");
  // header + question + (pointer + 10 + 6 + whole target) + (a pointer to that target + 10 + 4)
  CHECK(message.size() == 12 + 22 + (2 + 10 + 6 + 20) + (2 + 10 + 4));
  const ares_dns_rr_t* extra = ares_dns_record_rr_get_const(parsed.get(), ARES_SECTION_ADDITIONAL, 0);
  CHECK(std::string(ares_dns_rr_get_name(extra)) == "1.web.skydns.local");
}

TEST_CASE("every record type is read back by c-ares") {
  const Name name = parse_name("a.skydns.local").value();
  const Name other = parse_name("b.skydns.local").value();
  Response response;
  response.answer = {
      {.name = name, .type = kTypeAaaa, .ttl = 1, .data = Ipv6{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
      {.name = name, .type = kTypeCname, .ttl = 2, .data = NameData{other}},
      {.name = name, .type = kTypeMx, .ttl = 3, .data = MxData{.preference = 5, .exchange = other}},
      {.name = name, .type = kTypeTxt, .ttl = 4, .data = TxtData{{"one", std::string(255, 'x')}}},
      {.name = name,
       .type = kTypeSoa,
       .ttl = 5,
       .data =
           SoaData{
               .server = other, .mailbox = name, .serial = 42, .refresh = 1, .retry = 2, .expire = 3, .minimum = 4}},
  };
  const Parsed parsed = parse(encode_response(ask("a.skydns.local"), response, 4096));
  const auto record = [&](std::size_t i) { return ares_dns_record_rr_get_const(parsed.get(), ARES_SECTION_ANSWER, i); };
  REQUIRE(ares_dns_record_rr_cnt(parsed.get(), ARES_SECTION_ANSWER) == 5);
  CHECK(ares_dns_rr_get_ttl(record(0)) == 1);
  CHECK(std::string(ares_dns_rr_get_str(record(1), ARES_RR_CNAME_CNAME)) == "b.skydns.local");
  CHECK(ares_dns_rr_get_u16(record(2), ARES_RR_MX_PREFERENCE) == 5);
  CHECK(ares_dns_rr_get_abin_cnt(record(3), ARES_RR_TXT_DATA) == 2);
  CHECK(ares_dns_rr_get_u32(record(4), ARES_RR_SOA_SERIAL) == 42);
}

TEST_CASE("what does not fit is left out whole, with TC set") {
  Response response;
  for (std::uint8_t i = 0; i < 100; ++i) response.answer.push_back(address("web.skydns.local", {10, 0, 0, i}));
  const std::string message = encode_response(ask("web.skydns.local"), response, 512);
  CHECK(message.size() <= 512);
  CHECK(is_truncated(message));
  const Parsed parsed = parse(message);
  CHECK(ares_dns_record_rr_cnt(parsed.get(), ARES_SECTION_ANSWER) == (512 - 12 - 22) / 16);
  CHECK_FALSE(is_truncated(encode_response(ask("web.skydns.local"), response, 4096)));
}

TEST_CASE("additional records are left out without TC, and OPT always fits") {
  Query query = ask("web.skydns.local");
  query.edns = Edns{.udp_size = 512};
  Response response;
  response.answer = {address("web.skydns.local", {10, 0, 0, 1})};
  for (std::uint8_t i = 0; i < 100; ++i) response.additional.push_back(address("x.skydns.local", {10, 0, 1, i}));
  const std::string message = encode_response(query, response, 512);
  CHECK(message.size() <= 512);
  CHECK_FALSE(is_truncated(message));
  const Parsed parsed = parse(message);
  const std::size_t count = ares_dns_record_rr_cnt(parsed.get(), ARES_SECTION_ADDITIONAL);
  CHECK(ares_dns_rr_get_type(ares_dns_record_rr_get_const(parsed.get(), ARES_SECTION_ADDITIONAL, count - 1)) ==
        ARES_REC_TYPE_OPT);
}

TEST_CASE("names: bounds, case and escapes") {
  CHECK(parse_name("a.b.") == Name{"a", "b"});
  CHECK(parse_name(".") == Name{});
  CHECK_FALSE(parse_name(""));
  CHECK_FALSE(parse_name("a..b"));
  CHECK_FALSE(parse_name(std::string(64, 'a')));
  CHECK(same_name({"WEB", "x"}, {"web", "X"}));
  CHECK_FALSE(same_name({"web"}, {"web", "x"}));
  CHECK(is_within({"a", "SkyDNS", "local"}, {"skydns", "local"}));
  CHECK_FALSE(is_within({"local"}, {"skydns", "local"}));
  CHECK(to_text({"My Printer.x", "a"}) == "My\\032Printer\\.x.a.");
}
