#pragma once
// How commands name a container or a pod: by name, by id, or by the first letters of an id that fit one only.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "runtime/spec.h"

namespace runtime {

// `kind`, for errors: "container", "pod". Throws base::Error when there is none, or several.
template <typename T>
T find_by_name(std::string_view kind, const std::string& text, std::vector<T> all) {
  if (!is_valid_id(text)) throw base::Error(kind, text, "not a " + std::string(kind) + "'s name or id");
  std::vector<T> fits;
  for (T& one : all) {
    if (one.id == text || one.name == text) return std::move(one);
    if (one.id.starts_with(text)) fits.push_back(std::move(one));
  }
  if (fits.empty()) throw base::Error(kind, text, "there is none");
  if (fits.size() > 1) throw base::Error(kind, text, "several ids begin so");
  return std::move(fits.front());
}

}  // namespace runtime
