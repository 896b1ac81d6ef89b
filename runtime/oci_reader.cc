#include "runtime/oci_reader.h"

#include "base/error.h"

namespace runtime {
namespace {

const base::Json kEmptyObject = base::Json::object();

bool says_nothing(const base::Json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>() == 0;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_structured()) return value.empty();
  return false;
}

[[noreturn]] void wrong_type(const std::string& path, const char* wanted) {
  throw base::Error("config.json", path, std::string("expected ") + wanted);
}

}  // namespace

void refuse(const std::string& path, const std::string& reason) {
  throw base::Error("config.json", path, reason);
}

ObjectReader::ObjectReader(const base::Json& json, std::string path) : json_(&json), path_(std::move(path)) {
  if (!json.is_object()) wrong_type(path_, "an object");
}

const base::Json* ObjectReader::member(const std::string& name) {
  seen_.insert(name);
  auto found = json_->find(name);
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

std::string ObjectReader::text(const std::string& name, const std::string& fallback) {
  const base::Json* value = member(name);
  if (value == nullptr) return fallback;
  if (!value->is_string()) wrong_type(path_of(name), "a text");
  const auto& result = value->get_ref<const std::string&>();
  if (result.find('\0') != std::string::npos) throw base::Error("config.json", path_of(name), "has a zero byte");
  return result;
}

bool ObjectReader::boolean(const std::string& name, bool fallback) {
  const base::Json* value = member(name);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) wrong_type(path_of(name), "true or false");
  return value->get<bool>();
}

std::optional<std::int64_t> ObjectReader::integer(const std::string& name, std::int64_t low, std::int64_t high) {
  const base::Json* value = member(name);
  if (value == nullptr) return std::nullopt;
  bool too_large = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
  // RLIM_INFINITY and the like: the highest that a signed number can say.
  std::int64_t number = too_large ? INT64_MAX : 0;
  if (!too_large && !value->is_number_integer()) wrong_type(path_of(name), "a whole number");
  if (!too_large) number = value->get<std::int64_t>();
  if (number < low || number > high) {
    wrong_type(path_of(name), ("a number from " + std::to_string(low) + " to " + std::to_string(high)).c_str());
  }
  return number;
}

std::vector<std::string> ObjectReader::texts(const std::string& name) {
  std::vector<std::string> result;
  const base::Json* value = member(name);
  if (value == nullptr) return result;
  if (!value->is_array()) wrong_type(path_of(name), "a list of texts");
  for (const base::Json& element : *value) {
    if (!element.is_string() || element.get_ref<const std::string&>().find('\0') != std::string::npos) {
      wrong_type(path_of(name), "a list of texts");
    }
    result.push_back(element.get<std::string>());
  }
  return result;
}

std::vector<ObjectReader> ObjectReader::objects(const std::string& name) {
  std::vector<ObjectReader> result;
  const base::Json* value = member(name);
  if (value == nullptr) return result;
  if (!value->is_array()) wrong_type(path_of(name), "a list of objects");
  for (std::size_t i = 0; i < value->size(); i++) {
    result.emplace_back((*value)[i], path_of(name) + "[" + std::to_string(i) + "]");
  }
  return result;
}

ObjectReader ObjectReader::object(const std::string& name) {
  const base::Json* value = member(name);
  return ObjectReader(value == nullptr ? kEmptyObject : *value, path_of(name));
}

void ObjectReader::must_be_empty(const std::string& name) {
  const base::Json* value = member(name);
  if (value != nullptr && !says_nothing(*value)) throw base::Error("config.json", path_of(name), "not supported");
}

void ObjectReader::done() {
  for (const auto& [name, value] : json_->items()) {
    if (!seen_.contains(name) && !says_nothing(value)) {
      throw base::Error("config.json", path_of(name), "not supported");
    }
  }
}

}  // namespace runtime
