// SkyDNS's rules, one by one, from records in a zone to what a resolver reads.

#include "discovery/answerer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>

#include "base/text.h"

using namespace discovery;

namespace {

// A zone and an answerer with the verbs of the tests. Answers are lines such as "web.skydns.local. 60 A 10.0.0.1".
class Server {
 public:
  Server()
      : zone_("skydns"),
        random_(1),
        answerer_({.domain = {"skydns", "local"}, .local = Name{"me", "skydns", "local"}}, clock_, random_) {}

  void put(const std::string& key, const std::string& json, std::optional<int> lease = {}) {
    kv::Node node;
    node.key = "/skydns/local/skydns" + key;
    node.value = json;
    if (lease) node.ttl = std::chrono::seconds(*lease);
    problem = zone_.set(node);
  }
  void put_raw(const std::string& key, const std::string& json) {
    kv::Node node;
    node.key = key;
    node.value = json;
    problem = zone_.set(node);
  }
  void remove(const std::string& key) { zone_.remove("/skydns/local/skydns" + key); }

  std::vector<std::string> ask(std::string_view name, std::uint16_t type) {
    last = answerer_.answer({.name = parse_name(name).value(), .type = type, .klass = klass, .edns = {}}, &zone_, feed);
    std::vector<std::string> lines;
    for (const Record& record : last.answer) lines.push_back(line(record));
    std::ranges::sort(lines);
    return lines;
  }
  std::vector<std::string> additional() const {
    std::vector<std::string> lines;
    for (const Record& record : last.additional) lines.push_back(line(record));
    std::ranges::sort(lines);
    return lines;
  }
  Zone& zone() { return zone_; }

  Response last;
  FeedState feed{.connected = true, .index = 9};
  std::uint16_t klass = kClassIn;
  std::optional<std::string> problem;

 private:
  struct Text {
    std::string operator()(const Ipv4& ip) const { return std::format("A {}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]); }
    std::string operator()(const Ipv6& ip) const { return std::format("AAAA ..{:x}{:02x}", ip[14], ip[15]); }
    std::string operator()(const NameData& data) const { return "-> " + to_text(data.name); }
    std::string operator()(const MxData& data) const {
      return std::format("MX {} {}", data.preference, to_text(data.exchange));
    }
    std::string operator()(const SrvData& data) const {
      return std::format("SRV {} {} {} {}", data.priority, data.weight, data.port, to_text(data.target));
    }
    std::string operator()(const TxtData& data) const { return "TXT " + base::join(data.strings, "|"); }
    std::string operator()(const SoaData& data) const {
      return std::format("SOA {} {}", to_text(data.server), data.serial);
    }
  };
  static std::string line(const Record& record) {
    return std::format("{} {} {}", to_text(record.name), record.ttl, std::visit(Text{}, record.data));
  }

  Zone zone_;
  base::ManualClock clock_;
  base::SeededRandom random_;
  Answerer answerer_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a record answers A with the default TTL") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1","port":80})");
  CHECK(server.ask("web.skydns.local", kTypeA) == Lines{"web.skydns.local. 3600 A 10.0.0.1"});
  CHECK(server.last.authoritative);
  CHECK(server.last.rcode == Rcode::kNoError);
}

TEST_CASE("a directory answers with every leaf below it") {
  Server server;
  server.put("/web/a", R"({"host":"10.0.0.1"})");
  server.put("/web/deep/b", R"({"host":"10.0.0.2"})");
  server.put("/web/c", R"({"host":"2001:db8::3"})");
  CHECK(server.ask("web.skydns.local", kTypeA) ==
        Lines{"web.skydns.local. 3600 A 10.0.0.1", "web.skydns.local. 3600 A 10.0.0.2"});
  CHECK(server.ask("web.skydns.local", kTypeAaaa) == Lines{"web.skydns.local. 3600 AAAA ..003"});
  CHECK(server.ask("skydns.local", kTypeA).size() == 2);
}

TEST_CASE("the answer keeps the asker's spelling and finds the name in any case") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1"})");
  CHECK(server.ask("WeB.skyDNS.local", kTypeA) == Lines{"WeB.skyDNS.local. 3600 A 10.0.0.1"});
}

TEST_CASE("the TTL is the shorter of record and lease, and one for all records of an answer") {
  Server server;
  server.put("/a", R"({"host":"10.0.0.1","ttl":300})", 60);
  CHECK(server.ask("a.skydns.local", kTypeA) == Lines{"a.skydns.local. 60 A 10.0.0.1"});
  server.put("/a", R"({"host":"10.0.0.1","ttl":30})", 60);
  CHECK(server.ask("a.skydns.local", kTypeA) == Lines{"a.skydns.local. 30 A 10.0.0.1"});
  server.put("/a", R"({"host":"10.0.0.1"})", 60);
  CHECK(server.ask("a.skydns.local", kTypeA) == Lines{"a.skydns.local. 60 A 10.0.0.1"});
  server.put("/web/1", R"({"host":"10.0.0.1","ttl":20})");
  server.put("/web/2", R"({"host":"10.0.0.2","ttl":10})");
  CHECK(server.ask("web.skydns.local", kTypeA) ==
        Lines{"web.skydns.local. 10 A 10.0.0.1", "web.skydns.local. 10 A 10.0.0.2"});
}

TEST_CASE("a removed record is gone, its directory stays") {
  Server server;
  server.put("/web/1", R"({"host":"10.0.0.1"})");
  CHECK(server.zone().size() == 1);
  server.remove("/web/1");
  CHECK(server.zone().size() == 0);
  CHECK(server.ask("web.skydns.local", kTypeA).empty());
  CHECK(server.last.rcode == Rcode::kNoError);
  server.remove("/web");
  server.ask("web.skydns.local", kTypeA);
  CHECK(server.last.rcode == Rcode::kNameError);
}

TEST_CASE("an unknown name is NXDOMAIN, a known one without such records is not, both with a SOA") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1"})");
  CHECK(server.ask("nope.skydns.local", kTypeA).empty());
  CHECK(server.last.rcode == Rcode::kNameError);
  REQUIRE(server.last.authority.size() == 1);
  CHECK(server.last.authority[0].type == kTypeSoa);
  CHECK(server.last.authority[0].ttl == 60);
  CHECK(server.ask("web.skydns.local", kTypeTxt).empty());
  CHECK(server.last.rcode == Rcode::kNoError);
  CHECK(server.last.authority.size() == 1);
}

TEST_CASE("refused: ANY, other domains, other classes, and all before the first list") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1"})");
  server.ask("web.skydns.local", kTypeAny);
  CHECK(server.last.rcode == Rcode::kRefused);
  CHECK_FALSE(server.last.authoritative);
  server.ask("example.com", kTypeA);
  CHECK(server.last.rcode == Rcode::kRefused);
  base::ManualClock clock;
  base::SeededRandom random(1);
  const Answerer answerer({.domain = {"skydns", "local"}, .local = {}}, clock, random);
  const Query query{.name = {"web", "skydns", "local"}, .type = kTypeA, .klass = kClassIn, .edns = {}};
  CHECK(answerer.answer(query, nullptr, {}).rcode == Rcode::kRefused);
}

TEST_CASE("wildcards stand for one label each, and what is below a match answers too") {
  Server server;
  server.put("/east/web/1", R"({"host":"10.0.0.1"})");
  server.put("/west/web/1", R"({"host":"10.0.0.2"})");
  server.put("/west/db/1", R"({"host":"10.0.0.3"})");
  CHECK(server.ask("web.*.skydns.local", kTypeA).size() == 2);
  CHECK(server.ask("1.any.west.skydns.local", kTypeA).size() == 2);
  CHECK(server.ask("*.skydns.local", kTypeA).size() == 3);
  CHECK(server.ask("mail.*.skydns.local", kTypeA).empty());
  CHECK(server.last.rcode == Rcode::kNoError);
}

TEST_CASE("SRV: target from the key, address beside it, weights as shares of 100") {
  Server server;
  server.put("/web/1", R"({"host":"10.0.0.1","port":80})");
  server.put("/web/2", R"({"host":"10.0.0.2","port":81,"weight":50})");
  server.put("/web/3", R"({"host":"10.0.0.3","port":82,"priority":20,"weight":7})");
  CHECK(server.ask("web.skydns.local", kTypeSrv) == Lines{"web.skydns.local. 3600 SRV 10 33 81 2.web.skydns.local.",
                                                          "web.skydns.local. 3600 SRV 10 66 80 1.web.skydns.local.",
                                                          "web.skydns.local. 3600 SRV 20 100 82 3.web.skydns.local."});
  CHECK(server.additional() == Lines{"1.web.skydns.local. 3600 A 10.0.0.1", "2.web.skydns.local. 3600 A 10.0.0.2",
                                     "3.web.skydns.local. 3600 A 10.0.0.3"});
}

TEST_CASE("SRV: targetstrip takes labels from the left, too many take none") {
  Server server;
  server.put("/web/1", R"({"host":"10.0.0.1","port":80,"targetstrip":1})");
  CHECK(server.ask("web.skydns.local", kTypeSrv) == Lines{"web.skydns.local. 3600 SRV 10 100 80 web.skydns.local."});
  CHECK(server.additional() == Lines{"web.skydns.local. 3600 A 10.0.0.1"});
  server.put("/web/1", R"({"host":"10.0.0.1","port":80,"targetstrip":9})");
  CHECK(server.ask("web.skydns.local", kTypeSrv) == Lines{"web.skydns.local. 3600 SRV 10 100 80 1.web.skydns.local."});
}

TEST_CASE("SRV: a target inside the domain is looked up once, one outside is left to the asker") {
  Server server;
  server.put("/node", R"({"host":"10.0.0.9"})");
  server.put("/web/1", R"({"host":"node.skydns.local","port":80})");
  server.put("/web/2", R"({"host":"node.skydns.local","port":81})");
  server.put("/web/3", R"({"host":"example.com","port":82})");
  CHECK(server.ask("web.skydns.local", kTypeSrv).size() == 3);
  CHECK(server.additional() == Lines{"node.skydns.local. 3600 A 10.0.0.9"});
}

TEST_CASE("A of a record that names another one is a CNAME chain") {
  Server server;
  server.put("/node", R"({"host":"10.0.0.9"})");
  server.put("/web", R"({"host":"node.skydns.local"})");
  CHECK(server.ask("web.skydns.local", kTypeA) ==
        Lines{"node.skydns.local. 3600 A 10.0.0.9", "web.skydns.local. 3600 -> node.skydns.local."});
  CHECK(server.ask("web.skydns.local", kTypeCname) == Lines{"web.skydns.local. 3600 -> node.skydns.local."});
  CHECK(server.ask("node.skydns.local", kTypeCname).empty());
}

TEST_CASE("a CNAME chain that loops, ends nowhere or is too long is left out") {
  Server server;
  server.put("/a", R"({"host":"b.skydns.local"})");
  server.put("/b", R"({"host":"a.skydns.local"})");
  CHECK(server.ask("a.skydns.local", kTypeA).empty());
  server.put("/c", R"({"host":"nowhere.skydns.local"})");
  CHECK(server.ask("c.skydns.local", kTypeA).empty());
  for (int i = 0; i < 20; ++i)
    server.put(std::format("/n{}", i), std::format(R"({{"host":"n{}.skydns.local"}})", i + 1));
  server.put("/n20", R"({"host":"10.0.0.1"})");
  CHECK(server.ask("n0.skydns.local", kTypeA).empty());
  CHECK(server.ask("n12.skydns.local", kTypeA).size() == 9);
}

TEST_CASE("an owner has one CNAME, and a chain may lead out of the domain") {
  Server server;
  server.put("/web/1", R"({"host":"example.com"})");
  server.put("/web/2", R"({"host":"example.org"})");
  CHECK(server.ask("web.skydns.local", kTypeA).size() == 1);
}

TEST_CASE("TXT is split into strings of 255 bytes") {
  Server server;
  server.put("/web", R"({"text":")" + std::string(300, 'x') + R"("})");
  CHECK(server.ask("web.skydns.local", kTypeTxt) ==
        Lines{"web.skydns.local. 3600 TXT " + std::string(255, 'x') + "|" + std::string(45, 'x')});
  CHECK(server.ask("web.skydns.local", kTypeSrv).empty());
}

TEST_CASE("MX only from records for mail") {
  Server server;
  server.put("/mail/1", R"({"host":"10.0.0.1","mail":true,"priority":5})");
  server.put("/mail/2", R"({"host":"10.0.0.2"})");
  CHECK(server.ask("mail.skydns.local", kTypeMx) == Lines{"mail.skydns.local. 3600 MX 5 1.mail.skydns.local."});
  CHECK(server.additional() == Lines{"1.mail.skydns.local. 3600 A 10.0.0.1"});
}

TEST_CASE("NS and SOA at the apex only") {
  Server server;
  server.put("/dns/ns/one", R"({"host":"10.0.0.1"})");
  CHECK(server.ask("skydns.local", kTypeNs) == Lines{"skydns.local. 3600 -> one.ns.dns.skydns.local."});
  CHECK(server.additional() == Lines{"one.ns.dns.skydns.local. 3600 A 10.0.0.1"});
  // 1,000,000,000 s is 2001-09-09T01:46:40Z; the hour began 2800 s before.
  CHECK(server.ask("skydns.local", kTypeSoa) == Lines{"skydns.local. 60 SOA ns.dns.skydns.local. 999997200"});
  CHECK(server.ask("one.ns.dns.skydns.local", kTypeSoa).empty());
}

TEST_CASE("PTR from the reverse tree: exactly one record, not authoritative") {
  Server server;
  server.put_raw("/skydns/arpa/in-addr/10/0/1/125", R"({"host":"web.skydns.local"})");
  CHECK(server.ask("125.1.0.10.in-addr.arpa", kTypePtr) == Lines{"125.1.0.10.in-addr.arpa. 3600 -> web.skydns.local."});
  CHECK_FALSE(server.last.authoritative);
  server.ask("1.0.10.in-addr.arpa", kTypePtr);
  CHECK(server.last.rcode == Rcode::kRefused);
}

TEST_CASE("groups: the shortest name's group counts, two groups there mean none") {
  Server server;
  server.put("/web/a", R"({"host":"10.0.0.1","group":"g1"})");
  server.put("/web/x/b", R"({"host":"10.0.0.2","group":"g2"})");
  server.put("/web/x/c", R"({"host":"10.0.0.3"})");
  CHECK(server.ask("web.skydns.local", kTypeA) ==
        Lines{"web.skydns.local. 3600 A 10.0.0.1", "web.skydns.local. 3600 A 10.0.0.3"});
  server.put("/web/d", R"({"host":"10.0.0.4","group":"g3"})");
  CHECK(server.ask("web.skydns.local", kTypeA).size() == 4);
}

TEST_CASE("the same record under two keys answers once") {
  Server server;
  server.put("/web/1", R"({"host":"10.0.0.1","port":80})");
  server.put("/web/2", R"({"host":"10.0.0.1","port":80})");
  server.put("/web/3", R"({"host":"10.0.0.1","port":81})");
  CHECK(server.ask("web.skydns.local", kTypeSrv).size() == 2);
  CHECK(server.ask("web.skydns.local", kTypeA).size() == 1);
}

TEST_CASE("local.dns is this machine's name") {
  Server server;
  server.put("/me", R"({"host":"10.0.0.7"})");
  CHECK(server.ask("local.dns.skydns.local", kTypeA) == Lines{"local.dns.skydns.local. 3600 A 10.0.0.7"});
}

TEST_CASE("class CHAOS tells about the server") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1"})");
  server.klass = kClassChaos;
  CHECK(server.ask("zone.server", kTypeTxt) ==
        Lines{"zone.server. 0 TXT records=1|index=9|store=connected|synced=yes"});
  CHECK(server.ask("id.server", kTypeTxt) == Lines{"id.server. 0 TXT localhost"});
  server.ask("web.skydns.local", kTypeTxt);
  CHECK(server.last.rcode == Rcode::kServerFailure);
}

TEST_CASE("a broken record is left out with its reason, and takes the place of the good one") {
  Server server;
  server.put("/web", R"({"host":"10.0.0.1"})");
  CHECK_FALSE(server.problem);
  for (const char* broken : {"", "[]", R"({"host":"a b"})", R"({"host":5})", R"({"host":"a","port":70000})",
                             R"({"host":"a","priority":-1})", R"({"host":"a..b"})", R"({"host":"http://x"})"}) {
    CAPTURE(broken);
    server.put("/web", broken);
    REQUIRE(server.problem);
    CHECK(server.problem->find("/skydns/local/skydns/web") != std::string::npos);
    CHECK(server.ask("web.skydns.local", kTypeA).empty());
  }
  server.put("/" + std::string(64, 'a'), R"({"host":"10.0.0.1"})");
  CHECK(server.problem);
}

TEST_CASE("a directory that ends takes its records with it, and so does the prefix") {
  Server server;
  server.put("/web/1", R"({"host":"10.0.0.1"})");
  server.put("/web/2", R"({"host":"10.0.0.2"})");
  server.put("/db", R"({"host":"10.0.0.3"})");
  server.remove("/web");
  CHECK(server.zone().size() == 1);
  server.zone().remove("/skydns");
  CHECK(server.zone().size() == 0);
}
