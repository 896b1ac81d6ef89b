// The label of a volume, on an image made here byte by byte: an ISO 9660 primary volume descriptor (ECMA-119, 8.4) at
// sector 16, and the terminator after it.
#include "bootstrap/volume.h"

#include <doctest/doctest.h>

#include <string>

#include "base/file.h"
#include "base/temp_dir.h"

namespace bootstrap {
namespace {

std::string iso_image(std::string label) {
  std::string image(512 * 2048, '\0');
  const std::size_t sector = 16 * 2048;
  image.replace(sector, 7,
                std::string("\x01"
                            "CD001\x01",
                            7));
  label.resize(32, ' ');
  image.replace(sector + 40, 32, label);
  image[sector + 128 + 1] = 8;  // block size 2048, both byte orders
  image[sector + 128 + 2] = 8;
  image.replace(sector + 2048, 7,
                std::string("\xff"
                            "CD001\x01",
                            7));
  return image;
}

TEST_CASE("a volume is known by its label, in any case of letters") {
  const base::TempDir directory;
  base::make_directories(directory.path() + "/sys/sda");
  base::make_directories(directory.path() + "/sys/sdb");
  base::make_directories(directory.path() + "/dev");
  for (const char* disk : {"sda", "sdb"})
    base::write_file_atomic(directory.path() + "/sys/" + disk + "/size", "2048\n");
  const auto find = [&] { return find_nocloud_volume(directory.path() + "/sys", directory.path() + "/dev"); };
  CHECK_FALSE(find());
  base::write_file_atomic(directory.path() + "/dev/sda", iso_image("OTHER"));
  CHECK_FALSE(find());
  base::write_file_atomic(directory.path() + "/dev/sdb", iso_image("CIDATA"));
  auto volume = find();
  REQUIRE(volume);
  CHECK(volume->device == directory.path() + "/dev/sdb");
  CHECK(volume->type == "iso9660");
  base::write_file_atomic(directory.path() + "/dev/sdb", iso_image("cidata"));
  CHECK(find());
  // A disk without a medium has size 0 and is not even opened.
  base::write_file_atomic(directory.path() + "/sys/sdb/size", "0\n");
  CHECK_FALSE(find());
}

TEST_CASE("what is no volume is no error") {
  const base::TempDir directory;
  CHECK_FALSE(probe_volume(directory.path() + "/missing"));
  base::write_file_atomic(directory.path() + "/zeros", std::string(1024 * 1024, '\0'));
  CHECK_FALSE(probe_volume(directory.path() + "/zeros"));
  CHECK_FALSE(find_nocloud_volume(directory.path() + "/no-sys", directory.path()));
}

}  // namespace
}  // namespace bootstrap
