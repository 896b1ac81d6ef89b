// Breaks where an input says so: shows that what a target finds is reported.

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::must(!fuzz::text_of(data, size).starts_with("bug"), "no input begins with bug");
  return 0;
}
