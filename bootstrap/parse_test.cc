#include "bootstrap/parse.h"

#include <doctest/doctest.h>

#include <string>

#include "base/random.h"

namespace bootstrap {
namespace {

// All remarks, one a line.
std::string remarks(std::string_view text) {
  std::string lines;
  for (const auto& finding : parse_cloud_config(text).findings) lines += to_line(finding, "f").substr(2) + "\n";
  return lines;
}

CloudConfig good(std::string_view text) {
  const auto parsed = parse_cloud_config(text);
  REQUIRE_MESSAGE(parsed.findings.empty(), remarks(text));
  return parsed.config;
}

TEST_CASE("the first line says what it is") {
  CHECK(good("#cloud-config\n").hostname.empty());
  CHECK(good("#cloud-config  \r\nhostname: a\n").hostname == "a");
  CHECK(remarks("hostname: a\n") == "1:1: error: must be \"#cloud-config\" or begin with \"#!\"\n");
  CHECK(remarks("") == "1:1: error: must be \"#cloud-config\" or begin with \"#!\"\n");
  CHECK(remarks("#cloud-configuration\n") == "1:1: error: must be \"#cloud-config\" or begin with \"#!\"\n");
  CHECK(remarks("#!/bin/sh\n").starts_with("1:1: error: a script"));
  CHECK(remarks("\x1f\x8b nothing").starts_with("1:1: error: the gzip data is damaged"));
}

TEST_CASE("a user with everything") {
  const auto config = good(R"(#cloud-config
users:
  - name: alice
    passwd: $6$salt$hash
    ssh-authorized-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh8e7j3pW8Qp7z2Lr1b3O0Y6V9uWkT5QmYF0xC4nD2s a]
    gecos: Alice
    homedir: /srv//alice/
    no-create-home: yes
    primary_group: staff
    groups: [sudo, docker]
    no_user_group: on
    system: true
    no-log-init: true
    shell: /bin/zsh
)");
  REQUIRE(config.users.size() == 1);
  const auto& user = config.users[0];
  CHECK(user.mark.line == 3);
  CHECK(user.passwd == "$6$salt$hash");
  CHECK(user.ssh_authorized_keys.size() == 1);
  CHECK(user.homedir == "/srv/alice");
  CHECK(user.no_create_home);
  CHECK(user.no_user_group);
  CHECK(user.system);
  CHECK(user.groups == std::vector<std::string>{"sudo", "docker"});
}

TEST_CASE("fields that would break passwd are refused, and passwords are not repeated") {
  CHECK(remarks("#cloud-config\nusers:\n- {name: 'a:b'}\n") == "3:10: error: invalid value a:b\n");
  CHECK(remarks("#cloud-config\nusers:\n- {name: a, gecos: 'x:0:0'}\n").contains("3:20: error: \"gecos\""));
  CHECK(remarks("#cloud-config\nusers:\n- {name: a, shell: \"/bin/sh\\nroot2\"}\n").contains("3:20: error: \"shell\""));
  CHECK(
      remarks("#cloud-config\nusers:\n- {name: a, homedir: here}\n").contains("\"homedir\" must be an absolute path"));
  const std::string secret = remarks("#cloud-config\nusers:\n- {name: a, passwd: opensesame}\n");
  CHECK(secret.starts_with("3:21: error: \"passwd\" must be a hash"));
  CHECK_FALSE(secret.contains("opensesame"));
}

TEST_CASE("keys must be one line each, and doubtful ones are remarked on") {
  CHECK(remarks("#cloud-config\nssh_authorized_keys: [\"a b\\nc d\"]\n") ==
        "2:23: error: \"ssh_authorized_keys[0]\" must be one line\n");
  CHECK(remarks("#cloud-config\nssh_authorized_keys: [ssh-rsa AAAA]\n") ==
        "2:23: warning: \"ssh_authorized_keys[0]\" does not look like an SSH public key\n");
}

TEST_CASE("files are decoded and their paths made normal") {
  const auto config =
      good("#cloud-config\nwrite_files:\n- {path: /etc/../etc//x, content: aGk=, encoding: b64, permissions: 4755}\n");
  CHECK(config.files[0].path == "/etc/x");
  CHECK(config.files[0].content == "hi");
  CHECK(config.files[0].permissions == 04755);
  CHECK(good("#cloud-config\nwrite_files:\n- {path: /x}\n").files[0].permissions == 0644);
  CHECK(remarks("#cloud-config\nwrite_files:\n- {path: /etc/../usr/x}\n").contains("read-only filesystem"));
  CHECK(remarks("#cloud-config\nwrite_files:\n- {path: /x, permissions: '07777'}\n").empty());
  CHECK(remarks("#cloud-config\nwrite_files:\n- {path: /x, permissions: 17777}\n").contains("invalid value 17777"));
}

TEST_CASE("units") {
  const auto config = good(R"(#cloud-config
coreos:
  units:
    - {name: a@1.service, enable: true, command: restart, runtime: true, drop_ins: [{name: x.conf, content: y}]}
    - {name: b.service, mask: false}
)");
  CHECK(config.units[0].drop_ins[0].name == "x.conf");
  CHECK(config.units[0].mask == std::nullopt);
  CHECK(config.units[1].mask == false);
  CHECK(remarks("#cloud-config\ncoreos:\n  units:\n  - {name: ../a.service}\n").contains("4:12: error: invalid value"));
  CHECK(remarks("#cloud-config\ncoreos:\n  units:\n  - {name: a.service, drop_ins: [{name: ../x.conf}]}\n")
            .contains("error: invalid value ../x.conf"));
  CHECK(remarks("#cloud-config\ncoreos:\n  units:\n  - {name: a.service, mask: true, content: x}\n")
            .contains("cannot be masked and have content"));
}

TEST_CASE("the store's address has two spellings, ours counts more") {
  const auto config = good(R"(#cloud-config
coreos:
  etcd2: {listen-client-urls: "http://a:1, http://b:2", advertise-client-urls: "http://c:3"}
clusteros:
  store: {endpoints: [http://d:4], advertise_client_urls: http://e:5}
)");
  CHECK(config.store.endpoints == std::vector<std::string>{"http://d:4"});
  CHECK(config.store.listen_client_urls == std::vector<std::string>{"http://a:1", "http://b:2"});
  CHECK(config.store.advertise_client_urls == std::vector<std::string>{"http://e:5"});
  CHECK(remarks("#cloud-config\nclusteros: {store: {endpoints: ['127.0.0.1']}}\n")
            .contains("error: invalid value 127.0.0.1"));
  CHECK(remarks("#cloud-config\nclusteros: {store: {endpoints: [\"http://a:1\\nX=y\"]}}\n")
            .contains("error: invalid value"));
}

TEST_CASE("keys that nobody reads are named") {
  CHECK(remarks("#cloud-config\nhostnme: a\n") ==
        "2:1: warning: unrecognized key \"hostnme\" (did you mean \"hostname\"?)\n");
  CHECK(remarks("#cloud-config\nhostname: a\nhostname: b\n") ==
        "3:1: warning: key \"hostname\" stands twice, the last one counts\n");
  CHECK(remarks("#cloud-config\ncoreos: {update: {reboot-strategy: off}, oem: {id: x}}\n")
            .contains("ignored key \"update\""));
  CHECK(remarks("#cloud-config\nunits: []\n") == "2:8: error: units belongs under coreos\n");
  CHECK(remarks("#cloud-config\n- a\n") == "2:1: error: incorrect type for \"cloud-config\" (want struct)\n");
}

TEST_CASE("remarks are bounded, and errors stay among them") {
  std::string text = "#cloud-config\n";
  for (int i = 0; i < 5000; i++) text += "unknown" + std::to_string(i) + ": 1\n";
  const auto parsed = parse_cloud_config(text + "hostname: _\n");
  CHECK(parsed.findings.size() == 101);
  CHECK(parsed.findings.back().message == "and 4901 more");
  CHECK_FALSE(parsed.ok());
}

TEST_CASE("a syntax error hides other remarks but not what was read") {
  const auto parsed = parse_cloud_config("#cloud-config\nbad: 1\nhostname: a\nusers: [\n");
  REQUIRE(parsed.findings.size() == 1);
  CHECK(parsed.findings[0].mark.line == 5);
  CHECK(parsed.config.hostname == "a");
}

TEST_CASE("damaged configs never crash") {
  const std::string text =
      "#cloud-config\nhostname: a\nssh_authorized_keys: [x y]\nusers: [{name: a, groups: [b], system: on}]\n"
      "write_files:\n- {path: /a, content: 'aGk=', encoding: gz+b64, owner: 'a:b', permissions: 0600}\n"
      "coreos:\n  units: [{name: a.service, mask: no, drop_ins: [{name: b.conf}]}]\n  etcd2: {listen-client-urls: "
      "'http://a:1'}\n";
  base::SeededRandom random(42);
  for (int round = 0; round < 10000; round++) {
    std::string damaged = text;
    for (std::uint64_t change = random.below(5) + 1; change > 0; change--)
      damaged[random.below(damaged.size() - 14) + 14] = static_cast<char>(random.below(128));
    for (const auto& finding : parse_cloud_config(damaged).findings) CHECK(finding.mark.line > 0);
  }
}

}  // namespace
}  // namespace bootstrap
