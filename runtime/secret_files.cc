#include "runtime/secret_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/mount_api.h"
#include "runtime/secret_store.h"

namespace runtime {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

std::uint32_t outside(const ContainerSpec& spec, const std::vector<IdMapping>& map, std::uint32_t inside) {
  return in_user_namespace(spec) ? host_id(map, inside) : inside;
}

base::Fd new_memory(const ContainerSpec& spec) {
  std::uint64_t most = (kMaxSecret + kPage) * spec.secrets.size() + kPage;
  std::vector<MountParameter> parameters = {{"mode", "755"},
                                            {"size", std::to_string(most)},
                                            {"uid", std::to_string(outside(spec, spec.uid_map, 0))},
                                            {"gid", std::to_string(outside(spec, spec.gid_map, 0))}};
  try {
    parameters.emplace_back("noswap", "");
    return new_filesystem("tmpfs", parameters, kAttributes);
  } catch (const base::Error&) {
    parameters.pop_back();
    return new_filesystem("tmpfs", parameters, kAttributes);
  }
}

void write_one(const ContainerSpec& spec, const SecretFile& secret, const base::Fd& place) {
  std::string content = base::read_file(secret.source, kMaxSecret);
  base::Fd file = base::open_at(place, secret.target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  base::write_all(file, content);
  explicit_bzero(content.data(), content.size());
  base::check(fchown(file.get(), outside(spec, spec.uid_map, secret.uid), outside(spec, spec.gid_map, secret.gid)),
              "give to the container", secret.target);
  base::check(fchmod(file.get(), secret.mode), "chmod", secret.target);
}

}  // namespace

base::Fd make_secret_files(const ContainerSpec& spec) {
  base::Fd place = new_memory(spec);
  for (const SecretFile& secret : spec.secrets) write_one(spec, secret, place);
  change_attributes(place, MOUNT_ATTR_RDONLY, 0, false, kSecretsPlace);
  return place;
}

}  // namespace runtime
