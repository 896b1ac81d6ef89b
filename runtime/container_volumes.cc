#include "runtime/container_volumes.h"

#include <sys/file.h>
#include <sys/mount.h>

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "runtime/container_data.h"
#include "runtime/volume_store.h"

namespace runtime {
namespace {

// A directory that goes with the container; `number`: how many volumes that are not in memory are before it.
std::string own_path(const Machine& machine, const std::string& id, std::size_t number) {
  return data_path(machine, id) + "/empty/" + std::to_string(number);
}

std::string own_directory(const Machine& machine, const std::string& id, std::size_t number) {
  std::string path = own_path(machine, id, number);
  base::make_directories(data_path(machine, id) + "/empty", 0711);
  base::make_directories(path, 0755);
  return path;
}

TemporaryMount in_memory(const VolumeInfo& info, const Volume& volume) {
  TemporaryMount mount{.destination = volume.destination, .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (info.size > 0) mount.parameters.emplace_back("size", std::to_string(info.size));
  if (volume.read_only) mount.attributes |= MOUNT_ATTR_RDONLY;
  return mount;
}

}  // namespace

std::vector<Volume> volumes_between_starts(const Machine& machine, const std::string& id, const RunRequest& request) {
  VolumeStore store(machine.root);
  std::vector<Volume> volumes;
  std::size_t number = 0;
  for (Volume volume : request.volumes) {
    bool there = true;
    if (!volume.name.empty()) {
      std::optional<VolumeInfo> info = store.find(volume.name);
      if (info && info->kind == VolumeKind::kMemory) continue;
      volume.source = store.data_path(volume.name);
      there = info && info->filled;
    } else if (volume.own) {
      volume.source = own_path(machine, id, number);
      there = base::exists(volume.source);
    }
    number++;
    if (there) volumes.push_back(std::move(volume));
  }
  return volumes;
}

ContainerVolumes::ContainerVolumes(const Machine& machine, const std::string& id, RunRequest& request)
    : root_(machine.root) {
  VolumeStore store(root_);
  // In the order of names, so that two starts never wait for each other.
  std::set<std::string> names;
  for (const Volume& volume : request.volumes) {
    if (!volume.name.empty()) names.insert(volume.name);
  }
  std::set<std::string> unfilled;
  for (const std::string& name : names) {
    if (store.get(name).filled) continue;
    base::Fd lock = store.lock_one(name);
    VolumeInfo info = store.get(name);  // another start may have filled it while we waited
    if (info.filled || info.kind == VolumeKind::kMemory) continue;
    locks_.push_back(std::move(lock));
    unfilled.insert(name);
  }
  std::vector<Volume> mounted;
  for (Volume volume : request.volumes) {
    if (volume.own) volume.source = own_directory(machine, id, mounted.size());
    if (!volume.name.empty()) {
      VolumeInfo info = store.get(volume.name);
      if (info.kind == VolumeKind::kMemory) {
        request.temporary_mounts.push_back(in_memory(info, volume));
        continue;
      }
      volume.source = store.data_path(volume.name);
      bool first = unfilled.erase(volume.name) > 0;
      volume.fill = volume.fill && first && info.kind == VolumeKind::kDirectory;
      if (first) store.clear(volume.name);
      if (volume.fill) to_fill_.push_back(volume.name);
      // Nothing is copied: what is written from now on is the application's.
      if (first && !volume.fill) store.set_filled(volume.name);
    }
    mounted.push_back(std::move(volume));
  }
  request.volumes = std::move(mounted);
}

ContainerVolumes::~ContainerVolumes() {
  unlock();
}

void ContainerVolumes::filled() {
  VolumeStore store(root_);
  for (const std::string& name : to_fill_) store.set_filled(name);
  unlock();
}

// Not by closing alone: the container's process has copies of our files until it executes the application.
void ContainerVolumes::unlock() {
  for (const base::Fd& lock : locks_) flock(lock.get(), LOCK_UN);
  locks_.clear();
}

}  // namespace runtime
