#pragma once
// One callable of several, for std::visit.

namespace base {

template <typename... Callables>
struct Overloaded : Callables... {
  using Callables::operator()...;
};

}  // namespace base
