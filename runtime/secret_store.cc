#include "runtime/secret_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/spec.h"

namespace runtime {
namespace {

constexpr const char* kLock = ".lock";

[[noreturn]] void wrong(std::string_view text, const std::string& reason) {
  throw base::UsageError("--secret '" + std::string(text) + "': " + reason);
}

std::uint32_t mode_of(const std::string& value, std::string_view text) {
  if (value.empty() || value.size() > 4 || value.find_first_not_of("01234567") != std::string::npos) {
    wrong(text, "mode= is octal, as 0400");
  }
  std::uint32_t mode = 0;
  for (char digit : value) mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  if (mode > 0777) wrong(text, "mode= is octal, at most 0777");
  return mode;
}

std::uint32_t id_of(const std::string& value, std::string_view text) {
  std::optional<std::uint64_t> id = base::parse_unsigned(value);
  if (!id || *id > 65535) wrong(text, "uid= and gid= are numbers up to 65535");
  return static_cast<std::uint32_t>(*id);
}

}  // namespace

SecretWord parse_secret(std::string_view text) {
  std::vector<std::string> words = base::split(text, ',');
  SecretWord secret{.name = words.front(), .target = words.front()};
  if (!is_valid_id(secret.name)) wrong(text, "expected NAME[,target=FILE][,mode=OCTAL][,uid=N][,gid=N]");
  for (std::size_t i = 1; i < words.size(); i++) {
    std::string name = words[i].substr(0, words[i].find('='));
    std::string value = name.size() == words[i].size() ? "" : words[i].substr(name.size() + 1);
    if (name == "target") {
      secret.target = value;
      if (!is_valid_id(value)) wrong(text, "target= is a file's name, below /run/secrets");
    } else if (name == "mode") {
      secret.mode = mode_of(value, text);
    } else if (name == "uid") {
      secret.uid = id_of(value, text);
    } else if (name == "gid") {
      secret.gid = id_of(value, text);
    } else {
      wrong(text, "'" + words[i] + "' is none of target=, mode=, uid=, gid=");
    }
  }
  return secret;
}

std::string SecretStore::path_of(const std::string& name) const {
  if (!is_valid_id(name)) throw base::Error("secret", name, "not a secret's name");
  return directory_ + "/" + name;
}

base::Fd SecretStore::lock() const {
  base::make_directories(directory_, 0700);
  base::Fd directory = base::open_directory(directory_);
  base::Fd held = base::open_file(directory_ + "/" + kLock, O_RDWR | O_CREAT, 0600);
  base::check(flock(held.get(), LOCK_EX), "lock", directory_);
  for (const std::string& name : base::list_directory_at(directory)) {
    if (!is_valid_id(name) && name != kLock) base::remove_file_at(directory, name);
  }
  return held;
}

void SecretStore::create(const std::string& name, std::string_view content) const {
  std::string path = path_of(name);
  if (has(name)) throw base::Error("secret", name, "there is one already");
  if (content.empty()) throw base::Error("secret", name, "it is empty");
  if (content.size() > kMaxSecret) throw base::Error("secret", name, "it has more than 512 KiB");
  base::write_file_atomic(path, content, 0600);
}

void SecretStore::remove(const std::string& name) const {
  if (!base::remove_file(path_of(name))) throw base::Error("secret", name, "there is none");
}

bool SecretStore::has(const std::string& name) const {
  return base::exists(path_of(name));
}

std::vector<SecretInfo> SecretStore::list() const {
  std::vector<SecretInfo> result;
  if (!base::exists(directory_)) return result;
  base::Fd directory = base::open_directory(directory_);
  for (const std::string& name : base::list_directory_at(directory)) {
    struct stat status = {};
    if (!is_valid_id(name)) continue;
    base::check(fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW), "stat", path_of(name));
    result.push_back({.name = name,
                      .size = static_cast<std::size_t>(status.st_size),
                      .created = base::format_rfc3339(std::chrono::system_clock::from_time_t(status.st_mtime))});
  }
  return result;
}

}  // namespace runtime
