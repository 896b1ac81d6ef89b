// Boot counters, slots, the verdict on a boot, and a whole made-up machine in a folder.

#include "updater/inspect.h"

#include <doctest/doctest.h>

#include "base/error.h"

using namespace updater;

namespace {

constexpr const char* kRoot = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
constexpr const char* kVerity = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5";
constexpr const char* kEsp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

Partition partition(unsigned number, const char* type, const char* label) {
  return {.number = number, .type = type, .id = "", .label = label, .first = number * 4096u, .size = 4096};
}

std::vector<BootEntry> entries(std::initializer_list<const char*> files) {
  std::vector<BootEntry> result;
  for (const char* file : files) result.push_back(parse_boot_entry(file).value());
  return result;
}

Blessed verdict(const char* path, std::initializer_list<const char*> files) {
  LoaderFacts loader;
  loader.selected = "clusteros_0.1.0.efi";
  loader.boot_count_path = path;
  return judge_boot(loader, entries(files)).state;
}

}  // namespace

TEST_CASE("names of boot entries") {
  const auto plain = parse_boot_entry("clusteros_0.1.0.efi").value();
  CHECK(plain.base == "clusteros_0.1.0");
  CHECK(plain.version == "0.1.0");
  CHECK_FALSE(plain.counted);

  const auto fresh = parse_boot_entry("clusteros_0.1.0+3.efi").value();
  CHECK(fresh.base == "clusteros_0.1.0");
  CHECK(fresh.counted);
  CHECK(fresh.left == 3);
  CHECK(fresh.done == 0);

  const auto tried = parse_boot_entry("clusteros_0.1.0+2-1.EFI").value();
  CHECK(tried.left == 2);
  CHECK(tried.done == 1);

  CHECK_FALSE(parse_boot_entry("clusteros_0.1.0.conf"));
  CHECK_FALSE(parse_boot_entry(".efi"));
  // Not a counter: part of the name, as for the loader.
  for (const char* name : {"a+.efi", "a+x.efi", "a+1-.efi", "a+1-2-3.efi", "+3.efi", "a+99999999999.efi"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_boot_entry(name).value().counted);
  }
}

TEST_CASE("slots: in disk order, with verity, entry and the running one") {
  const std::vector<Partition> disk{partition(1, kEsp, "esp"),
                                    partition(2, kRoot, "clusteros_0.1.0"),
                                    partition(3, kVerity, "clusteros_0.1.0_verity"),
                                    partition(4, kRoot, "_empty"),
                                    partition(5, kVerity, "_empty"),
                                    partition(6, "0", "var")};
  const std::vector<Slot> slots = make_slots("vda", disk, entries({"clusteros_0.1.0+2-1.efi"}), 2);
  REQUIRE(slots.size() == 2);
  CHECK(slots[0].name == "A");
  CHECK(slots[0].device == "/dev/vda2");
  CHECK(slots[0].version == "0.1.0");
  CHECK(slots[0].verity_device == "/dev/vda3");
  CHECK(slots[0].running);
  CHECK(slots[0].entry->left == 2);
  CHECK(slots[1].name == "B");
  CHECK(slots[1].empty());
  CHECK(slots[1].verity_device == "/dev/vda5");
  CHECK_FALSE(slots[1].entry);
  CHECK_FALSE(slots[1].running);
}

TEST_CASE("partitions of disks whose name ends in a digit") {
  CHECK(partition_name("vda", 2) == "vda2");
  CHECK(partition_name("nvme0n1", 2) == "nvme0n1p2");
}

TEST_CASE("the verdict on a boot is systemd-bless-boot's") {
  CHECK(verdict("", {"clusteros_0.1.0.efi"}) == Blessed::kClean);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+2-1.efi", {"clusteros_0.1.0+2-1.efi"}) == Blessed::kIndeterminate);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+0-3.efi", {"clusteros_0.1.0+0-3.efi"}) == Blessed::kIndeterminate);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+2-1.efi", {"clusteros_0.1.0.efi"}) == Blessed::kGood);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+2-1.efi", {"CLUSTEROS_0.1.0.EFI"}) == Blessed::kGood);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+2-1.efi", {"clusteros_0.1.0+0-1.efi"}) == Blessed::kBad);
  CHECK(verdict("\\EFI\\Linux\\clusteros_0.1.0+2-1.efi", {"clusteros_0.2.0.efi"}) == Blessed::kUnknown);
  CHECK(verdict("nonsense", {"clusteros_0.1.0.efi"}) == Blessed::kUnknown);
  CHECK(judge_boot({}, entries({"clusteros_0.1.0.efi"})).state == Blessed::kUnknown);

  LoaderFacts counted;
  counted.boot_count_path = "\\EFI\\Linux\\clusteros_0.1.0+2-1.efi";
  CHECK(judge_boot(counted, {}).state == Blessed::kUnknown);
  const Blessing blessing = judge_boot(counted, entries({"clusteros_0.1.0+2-1.efi"}));
  CHECK(blessing.left == 2);
  CHECK(blessing.done == 1);
  CHECK(describe(blessing) == "not blessed yet, 2 tries left");
  CHECK_FALSE(is_good(blessing));
}

TEST_CASE("EFI variables") {
  using namespace std::string_literals;
  CHECK(decode_efi_string("\6\0\0\0a\0b\0\0\0"s) == "ab");
  CHECK_FALSE(decode_efi_string("abc"));
  CHECK(decode_efi_string("\6\0\0\0"s) == "");
}

TEST_CASE("what / is mounted from") {
  CHECK(root_device_number("22 1 254:0 / / ro - erofs /dev/mapper/root ro\n23 22 0:5 / /proc rw - proc proc rw\n") ==
        "254:0");
  CHECK(root_device_number("1 1 0:1 / / rw - rootfs rootfs rw\n22 1 8:2 / / rw - ext4 /dev/sda2 rw\n") == "8:2");
  CHECK_THROWS_AS(root_device_number("nothing\n\n"), base::Error);
}
