#include "base/unit_property_bus.h"

#include "base/error.h"
#include "base/overloaded.h"

namespace base {
namespace {

void built(int result) {
  if (result < 0) throw Error("build", "D-Bus message", -result);
}

void open_value(sd_bus_message* message, const char* type) {
  built(sd_bus_message_open_container(message, 'v', type));
}

template <typename T>
void append_simple(sd_bus_message* message, const char* type, T value) {
  built(sd_bus_message_append(message, "v", type, value));
}

void append_value(sd_bus_message* message, const UnitProperty::Value& value) {
  std::visit(Overloaded{
                 [&](bool v) { append_simple(message, "b", v ? 1 : 0); },
                 [&](std::int32_t v) { append_simple(message, "i", v); },
                 [&](std::uint32_t v) { append_simple(message, "u", v); },
                 [&](std::int64_t v) { append_simple(message, "x", v); },
                 [&](std::uint64_t v) { append_simple(message, "t", v); },
                 [&](const std::string& v) { append_simple(message, "s", v.c_str()); },
                 [&](const UnitProperty::Bytes& v) {
                   open_value(message, "ay");
                   built(sd_bus_message_append_array(message, 'y', v.data(), v.size()));
                   built(sd_bus_message_close_container(message));
                 },
                 [&](const UnitProperty::Texts& v) {
                   open_value(message, "as");
                   built(sd_bus_message_open_container(message, 'a', "s"));
                   for (const std::string& text : v) built(sd_bus_message_append(message, "s", text.c_str()));
                   built(sd_bus_message_close_container(message));
                   built(sd_bus_message_close_container(message));
                 },
                 [&](const UnitProperty::TextPairs& v) {
                   open_value(message, "a(ss)");
                   built(sd_bus_message_open_container(message, 'a', "(ss)"));
                   for (const auto& [first, second] : v) {
                     built(sd_bus_message_append(message, "(ss)", first.c_str(), second.c_str()));
                   }
                   built(sd_bus_message_close_container(message));
                   built(sd_bus_message_close_container(message));
                 },
             },
             value);
}

}  // namespace

void append_property(sd_bus_message* message, const UnitProperty& property) {
  built(sd_bus_message_open_container(message, 'r', "sv"));
  built(sd_bus_message_append(message, "s", property.name.c_str()));
  append_value(message, property.value);
  built(sd_bus_message_close_container(message));
}

void append_scope(sd_bus_message* message, const ScopeRequest& scope) {
  append_property(message, {"Description", scope.description});
  append_property(message, {"Slice", scope.slice});
  append_property(message, {"Delegate", true});
  append_property(message, {"CollectMode", std::string("inactive-or-failed")});
  for (const UnitProperty& property : scope.properties) append_property(message, property);
  built(sd_bus_message_open_container(message, 'r', "sv"));
  built(sd_bus_message_append(message, "s", "PIDs"));
  open_value(message, "au");
  built(sd_bus_message_open_container(message, 'a', "u"));
  for (const int pid : scope.pids) built(sd_bus_message_append(message, "u", static_cast<std::uint32_t>(pid)));
  for (int i = 0; i < 3; ++i) built(sd_bus_message_close_container(message));
}

}  // namespace base
