#include "bootstrap/parse_parts.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "base/url.h"
#include "bootstrap/decode.h"
#include "bootstrap/ssh_keys.h"

namespace bootstrap {
namespace {

constexpr std::array<std::string_view, 7> kCommands{
    "start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "reload-or-try-restart"};

std::string invalid(std::string_view value) {
  return std::format("invalid value {}", value.substr(0, 80));
}

// A crypt(5) hash, or "*" and "!…" for none. A password in clear would end up readable in the volume and in backups.
bool is_password_hash(std::string_view text) {
  if (!is_valid_field(text) || text.find(' ') != std::string_view::npos) return false;
  const bool modern = text.starts_with('$') && std::ranges::count(text, '$') >= 3;
  return modern || text.starts_with('*') || text.starts_with('!') || text.size() == 13;
}

void check_field(MapReader& reader, std::string_view key, const std::string& value) {
  if (!is_valid_field(value))
    reader.error(reader.mark_of(key), std::format("\"{}\" must not have a colon or control characters", key));
}

void check_absolute(MapReader& reader, std::string_view key, std::string& value) {
  if (value.empty()) return;
  const std::string normal = normal_path(value);
  if (normal.empty()) reader.error(reader.mark_of(key), std::format("\"{}\" must be an absolute path", key));
  value = normal;
}

std::uint32_t parse_permissions(MapReader& reader) {
  const std::string text = reader.string("permissions");
  if (text.empty()) return 0644;
  const std::size_t digits = text.size() - (text.size() > 3 && text.starts_with('0') ? 1 : 0);
  const bool octal = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
  if (!octal || digits < 3 || digits > 4) {  // ^0?[0-7]{3,4}$
    reader.error(reader.mark_of("permissions"), invalid(text));
    return 0644;
  }
  return static_cast<std::uint32_t>(std::stoul(text, nullptr, 8));
}

void check_urls(const std::vector<std::string>& urls, Mark mark, Findings& findings) {
  for (const auto& text : urls) {
    try {
      const auto url = base::parse_url(text);
      if ((url.scheme == "http" || url.scheme == "https") && !url.host.empty()) continue;
    } catch (const base::Error&) {  // the same finding for all that is no URL
    }
    findings.push_back({Severity::kError, mark, invalid(text) + " (want http://HOST:PORT or https://HOST:PORT)"});
  }
}

// A list, or one text with commas, as etcd's options have it.
std::vector<std::string> parse_urls(MapReader& reader, std::string_view key, Findings& findings) {
  const YamlNode* node = reader.find(key);
  std::vector<std::string> urls;
  if (!node) return urls;
  if (node->is_scalar()) {
    for (const auto& part : base::split(node->text, ',')) urls.emplace_back(base::trim(part));
  } else {
    urls = reader.strings(key);
  }
  check_urls(urls, node->mark, findings);
  return urls;
}

}  // namespace

std::vector<std::string> parse_keys(MapReader& reader, std::string_view key) {
  std::vector<std::string> keys;
  Findings findings;
  reader.each(key, [&](const YamlNode& item, const std::string& name) {
    if (!item.is_scalar()) return reader.error(item.mark, std::format("incorrect type for \"{}\" (want string)", name));
    std::string line(base::trim(item.text));
    if (line.empty()) return;
    if (std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; }))
      return reader.error(item.mark, std::format("\"{}\" must be one line", name));
    if (!looks_like_ssh_key(line))
      reader.warning(item.mark, std::format("\"{}\" does not look like an SSH public key", name));
    keys.push_back(std::move(line));
  });
  return keys;
}

UserConfig parse_user(const YamlNode& node, std::string name, Findings& findings) {
  MapReader reader(node, std::move(name), findings);
  UserConfig user;
  user.mark = node.mark;
  user.name = reader.string("name");
  if (!is_valid_user_name(user.name))
    reader.error(reader.mark_of("name"), user.name.empty() ? "a user needs a \"name\"" : invalid(user.name));
  user.passwd = reader.string("passwd");
  if (!user.passwd.empty() && !is_password_hash(user.passwd))
    reader.error(reader.mark_of("passwd"), "\"passwd\" must be a hash of crypt(5), like `openssl passwd -6` prints it");
  user.ssh_authorized_keys = parse_keys(reader, "ssh_authorized_keys");
  user.gecos = reader.string("gecos");
  user.homedir = reader.string("homedir");
  user.primary_group = reader.string("primary_group");
  user.groups = reader.strings("groups");
  user.shell = reader.string("shell");
  user.no_create_home = reader.boolean("no_create_home");
  user.no_user_group = reader.boolean("no_user_group");
  user.system = reader.boolean("system");
  reader.boolean("no_log_init");  // about lastlog and faillog, which we never touch
  for (const auto key : {"gecos", "homedir", "primary_group", "shell"}) check_field(reader, key, reader.string(key));
  check_absolute(reader, "homedir", user.homedir);
  check_absolute(reader, "shell", user.shell);
  for (const auto& group : user.groups)
    if (!is_valid_user_name(group)) reader.error(reader.mark_of("groups"), invalid(group));
  reader.ignore({"coreos_ssh_import_github", "coreos_ssh_import_github_users", "coreos_ssh_import_url"},
                "this version does not fetch keys");
  reader.ignore({"inactive", "lock_passwd", "sudo", "selinux_user", "ssh_import_id"}, "not a key of coreos-cloudinit");
  reader.finish();
  return user;
}

FileConfig parse_file(const YamlNode& node, std::string name, Findings& findings) {
  MapReader reader(node, std::move(name), findings);
  FileConfig file;
  file.mark = node.mark;
  const std::string path = reader.string("path");
  file.path = normal_path(path);
  if (path.empty()) {
    reader.error(node.mark, "a file needs a \"path\"");
  } else if (file.path.empty() || file.path == "/" || path.ends_with('/')) {
    reader.error(reader.mark_of("path"), invalid(path) + " (want the absolute path of a file)");
  } else if (file.path == "/usr" || file.path.starts_with("/usr/")) {
    reader.error(reader.mark_of("path"), "file cannot be written to a read-only filesystem");
  }
  file.permissions = parse_permissions(reader);
  file.owner = reader.string("owner");
  const auto owner = base::split(file.owner, ':');
  if (owner.size() > 2 || !std::ranges::all_of(owner, is_valid_field))
    reader.error(reader.mark_of("owner"), invalid(file.owner));
  const std::string encoding = reader.string("encoding");
  const std::string content = reader.string("content");
  if (!is_known_encoding(encoding)) {
    reader.error(reader.mark_of("encoding"), invalid(encoding) + " (want base64, b64, gzip, gz, or gzip+base64)");
  } else if (auto decoded = decode_content(content, encoding)) {
    file.content = std::move(*decoded);
  } else {
    reader.error(reader.mark_of("content"), std::format("content cannot be decoded as \"{}\"", encoding));
  }
  reader.finish();
  return file;
}

UnitConfig parse_unit(const YamlNode& node, std::string name, Findings& findings) {
  MapReader reader(node, std::move(name), findings);
  UnitConfig unit;
  unit.mark = node.mark;
  unit.name = reader.string("name");
  if (!is_valid_unit_name(unit.name))
    reader.error(reader.mark_of("name"), unit.name.empty()
                                             ? "a unit needs a \"name\""
                                             : invalid(unit.name) + " (want a unit's name, like web.service)");
  unit.content = reader.string("content");
  unit.command = reader.string("command");
  if (!unit.command.empty() && !std::ranges::contains(kCommands, unit.command))
    reader.error(
        reader.mark_of("command"),
        std::format(
            "{} (want one of start, stop, restart, reload, try-restart, reload-or-restart, reload-or-try-restart)",
            invalid(unit.command)));
  unit.enable = reader.boolean("enable");
  unit.runtime = reader.boolean("runtime");
  if (reader.find("mask")) unit.mask = reader.boolean("mask");
  reader.each("drop_ins", [&](const YamlNode& item, std::string item_name) {
    MapReader drop_in(item, std::move(item_name), findings);
    DropInConfig parsed{item.mark, drop_in.string("name"), drop_in.string("content")};
    const bool plain = !parsed.name.contains('/') && is_valid_field(parsed.name) && parsed.name.size() <= 255;
    if (!plain || !parsed.name.ends_with(".conf") || parsed.name.starts_with('.'))
      drop_in.error(drop_in.mark_of("name"), invalid(parsed.name) + " (want a file name that ends in .conf)");
    drop_in.finish();
    unit.drop_ins.push_back(std::move(parsed));
  });
  if (unit.mask.value_or(false) && !unit.content.empty())
    reader.error(reader.mark_of("mask"), std::format("{} cannot be masked and have content", unit.name));
  reader.finish();
  return unit;
}

void parse_store(const YamlNode& node, StoreConfig& store, Findings& findings) {
  MapReader reader(node, "store", findings);
  store.mark = node.mark;
  store.endpoints = parse_urls(reader, "endpoints", findings);
  store.listen_client_urls = parse_urls(reader, "listen_client_urls", findings);
  store.advertise_client_urls = parse_urls(reader, "advertise_client_urls", findings);
  reader.finish();
}

void parse_etcd2(const YamlNode& node, StoreConfig& store, Findings& findings) {
  MapReader reader(node, "etcd2", findings);
  if (store.mark.line == 0) store.mark = node.mark;
  auto listen = parse_urls(reader, "listen_client_urls", findings);
  auto advertise = parse_urls(reader, "advertise_client_urls", findings);
  // What clusteros.store says counts more.
  if (store.listen_client_urls.empty()) store.listen_client_urls = std::move(listen);
  if (store.advertise_client_urls.empty()) store.advertise_client_urls = std::move(advertise);
  for (const auto& key : node.keys)
    if (const auto normal = normal_key(key.text); normal != "listen_client_urls" && normal != "advertise_client_urls")
      reader.warning(key.mark, std::format("ignored key \"{}\" (of etcd2, this version reads the client URLs only)",
                                           key.text.substr(0, 64)));
}

}  // namespace bootstrap
