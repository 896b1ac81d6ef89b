#pragma once
// A digest of the store's state that follows its changes: the sum of a number for each node, so that a change costs the
// change alone, and the order of changes does not matter. It finds what went wrong by itself; it is no proof against
// somebody who looks for two states with the same one.

#include <cstdint>
#include <string_view>

namespace kv {

// FNV-1a, 64 bits, with the last mixing step of splitmix64: sums of it are as even as it is.
class StateHash {
 public:
  StateHash& add(std::string_view bytes) {
    for (char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * kPrime;
    return add(std::uint64_t{bytes.size()});
  }
  StateHash& add(std::uint64_t number) {
    value_ = (value_ ^ number) * kPrime;
    value_ ^= value_ >> 32;
    return *this;
  }
  std::uint64_t value() const {
    std::uint64_t mixed = value_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

 private:
  static constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace kv
