// sd-bus(3) calls on org.freedesktop.systemd1.Manager. Jobs are awaited by the JobRemoved signal, which may arrive
// before the method's own reply, so the match is installed first.
#include "base/systemd.h"

#include <errno.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <format>
#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/transient_service.h"
#include "base/unit_property_bus.h"

namespace base {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error); }
  std::string text(int result) const {
    return error.message != nullptr ? error.message : Error("", "", -result).what();
  }
  bool is(std::string_view name) const { return error.name != nullptr && name == error.name; }
};

// A message, freed with its scope.
class Message {
 public:
  Message() = default;
  explicit Message(sd_bus_message* message) : message_(message) {}
  Message(Message&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { sd_bus_message_unref(message_); }
  sd_bus_message* get() const { return message_; }
  sd_bus_message** out() { return &message_; }

 private:
  sd_bus_message* message_ = nullptr;
};

int checked(int result, std::string_view operation, std::string_view object = {}) {
  if (result < 0) throw Error(operation, object, -result);
  return result;
}

std::string read_string(sd_bus_message* message, char type) {
  const char* text = nullptr;
  checked(sd_bus_message_read_basic(message, type, static_cast<void*>(&text)), "read D-Bus message");
  return text == nullptr ? "" : text;
}

// The value of a variant of a simple type as text; nothing for arrays and structs.
std::optional<std::string> simple_value(sd_bus_message* message) {
  char type = 0;
  const char* contents = nullptr;
  checked(sd_bus_message_peek_type(message, &type, &contents), "read D-Bus message");
  switch (type) {
    case 's':
    case 'o':
    case 'g':
      return read_string(message, type);
    case 'b': {
      int value = 0;
      checked(sd_bus_message_read_basic(message, type, &value), "read D-Bus message");
      return value != 0 ? "true" : "false";
    }
    case 'u': {
      std::uint32_t value = 0;
      checked(sd_bus_message_read_basic(message, type, &value), "read D-Bus message");
      return std::to_string(value);
    }
    case 'i': {
      std::int32_t value = 0;
      checked(sd_bus_message_read_basic(message, type, &value), "read D-Bus message");
      return std::to_string(value);
    }
    case 't': {
      std::uint64_t value = 0;
      checked(sd_bus_message_read_basic(message, type, &value), "read D-Bus message");
      return std::to_string(value);
    }
    default:
      return std::nullopt;
  }
}

class BusSystemd : public Systemd {
 public:
  BusSystemd() {
    // systemd's private socket needs no bus daemon but serves root alone, and only when PID 1 is systemd.
    int result = sd_bus_open_system(&bus_);
    if (result < 0 && ::geteuid() == 0) {
      checked(sd_bus_new(&bus_), "connect to", "systemd");
      sd_bus_set_address(bus_, "unix:path=/run/systemd/private");
      result = sd_bus_start(bus_);
      private_ = true;
    }
    if (result < 0) {
      sd_bus_unref(bus_);
      throw Error("connect to", "systemd", -result);
    }
    try {
      add_job_match();
    } catch (...) {
      sd_bus_flush_close_unref(bus_);
      throw;
    }
  }
  BusSystemd(const BusSystemd&) = delete;
  BusSystemd& operator=(const BusSystemd&) = delete;
  ~BusSystemd() override { sd_bus_flush_close_unref(bus_); }

  UnitStatus status(const std::string& unit) override {
    UnitStatus status{unit, "", "not-found", "inactive", "dead"};
    const Message message = call("LoadUnit", unit, "s", unit.c_str());
    const std::string path = read_string(message.get(), 'o');
    status.description = unit_property(path, "Unit", "Description").value_or("");
    status.load_state = unit_property(path, "Unit", "LoadState").value_or("not-found");
    status.active_state = unit_property(path, "Unit", "ActiveState").value_or("inactive");
    status.sub_state = unit_property(path, "Unit", "SubState").value_or("dead");
    return status;
  }

  std::vector<UnitStatus> list_units(const std::vector<std::string>& patterns) override {
    Message request(method("ListUnitsByPatterns"));
    append_strings(request.get(), {});
    append_strings(request.get(), patterns);
    const Message reply = send(request.get(), "list", "units");
    std::vector<UnitStatus> units;
    checked(sd_bus_message_enter_container(reply.get(), 'a', "(ssssssouso)"), "read D-Bus message");
    while (sd_bus_message_enter_container(reply.get(), 'r', "ssssssouso") > 0) {
      UnitStatus unit;
      unit.name = read_string(reply.get(), 's');
      unit.description = read_string(reply.get(), 's');
      unit.load_state = read_string(reply.get(), 's');
      unit.active_state = read_string(reply.get(), 's');
      unit.sub_state = read_string(reply.get(), 's');
      checked(sd_bus_message_skip(reply.get(), "souso"), "read D-Bus message");
      checked(sd_bus_message_exit_container(reply.get()), "read D-Bus message");
      units.push_back(std::move(unit));
    }
    return units;
  }

  std::optional<std::string> property(const std::string& unit, const std::string& interface,
                                      const std::string& name) override {
    const Message message = call("LoadUnit", unit, "s", unit.c_str());
    return unit_property(read_string(message.get(), 'o'), interface, name);
  }

  std::string start(const std::string& unit, milliseconds timeout) override { return job("start", unit, timeout); }
  std::string stop(const std::string& unit, milliseconds timeout) override { return job("stop", unit, timeout); }
  std::string restart(const std::string& unit, milliseconds timeout) override { return job("restart", unit, timeout); }

  std::string job(const std::string& verb, const std::string& unit, milliseconds timeout) override {
    static const std::map<std::string, const char*> kMethods = {{"start", "StartUnit"},
                                                                {"stop", "StopUnit"},
                                                                {"restart", "RestartUnit"},
                                                                {"reload", "ReloadUnit"},
                                                                {"try-restart", "TryRestartUnit"},
                                                                {"reload-or-restart", "ReloadOrRestartUnit"},
                                                                {"reload-or-try-restart", "ReloadOrTryRestartUnit"}};
    const auto found = kMethods.find(verb);
    if (found == kMethods.end()) throw Error(verb, unit, "no such job");
    finished_.clear();
    const Message reply = call(found->second, unit, "ss", unit.c_str(), "replace");
    return wait_for_job(read_string(reply.get(), 'o'), timeout);
  }

  void reset_failed(const std::string& unit) override {
    BusError error;
    const int result = sd_bus_call_method(bus_, kDestination, kPath, kManager, "ResetFailedUnit", &error.error, nullptr,
                                          "s", unit.c_str());
    if (result < 0 && !error.is("org.freedesktop.systemd1.NoSuchUnit")) {
      throw Error("reset-failed", unit, error.text(result));
    }
  }

  void reload() override {
    Message request(method("Reload"));
    // Generators may take long; systemd itself gives up after 90 s.
    send(request.get(), "reload", "systemd", milliseconds(120000));
  }

  void enable(const std::vector<std::string>& files, bool runtime) override {
    unit_files("EnableUnitFiles", files, runtime, true);
  }
  void disable(const std::vector<std::string>& names, bool runtime) override {
    unit_files("DisableUnitFiles", names, runtime, false);
  }
  void link(const std::vector<std::string>& paths, bool runtime) override {
    unit_files("LinkUnitFiles", paths, runtime, true);
  }
  void mask(const std::vector<std::string>& names, bool runtime) override {
    unit_files("MaskUnitFiles", names, runtime, true);
  }
  void unmask(const std::vector<std::string>& names, bool runtime) override {
    unit_files("UnmaskUnitFiles", names, runtime, false);
  }

  std::string start_scope(const ScopeRequest& scope) override {
    Message request(method("StartTransientUnit"));
    sd_bus_message* message = request.get();
    checked(sd_bus_message_append(message, "ss", scope.name.c_str(), "fail"), "build D-Bus message");
    checked(sd_bus_message_open_container(message, 'a', "(sv)"), "build D-Bus message");
    append_scope(message, scope);
    checked(sd_bus_message_close_container(message), "build D-Bus message");
    checked(sd_bus_message_append(message, "a(sa(sv))", 0), "build D-Bus message");
    finished_.clear();
    const Message reply = send(message, "start", scope.name);
    const std::string result = wait_for_job(read_string(reply.get(), 'o'), milliseconds(30000));
    if (result != "done") throw Error("start", scope.name, result);
    const auto group = property(scope.name, "Scope", "ControlGroup");
    if (!group || group->empty()) throw Error("start", scope.name, "systemd made no cgroup");
    return *group;
  }

  void set_properties(const std::string& unit, const std::vector<UnitProperty>& properties) override {
    Message request(method("SetUnitProperties"));
    sd_bus_message* message = request.get();
    checked(sd_bus_message_append(message, "sb", unit.c_str(), 1), "build D-Bus message");
    checked(sd_bus_message_open_container(message, 'a', "(sv)"), "build D-Bus message");
    for (const UnitProperty& property : properties) append_property(message, property);
    checked(sd_bus_message_close_container(message), "build D-Bus message");
    send(message, "set properties of", unit);
  }

  std::string start_service(const TransientService& service, milliseconds timeout) override {
    Message request(method("StartTransientUnit"));
    sd_bus_message* message = request.get();
    checked(sd_bus_message_append(message, "ss", service.name.c_str(), "fail"), "build D-Bus message");
    checked(sd_bus_message_open_container(message, 'a', "(sv)"), "build D-Bus message");
    append_service(message, service);
    checked(sd_bus_message_close_container(message), "build D-Bus message");
    checked(sd_bus_message_append(message, "a(sa(sv))", 0), "build D-Bus message");
    finished_.clear();
    const Message reply = send(message, "start", service.name);
    return wait_for_job(read_string(reply.get(), 'o'), timeout);
  }

  void start_timer(const TransientTimer& timer) override {
    Message request(method("StartTransientUnit"));
    sd_bus_message* message = request.get();
    checked(sd_bus_message_append(message, "ss", timer.name.c_str(), "fail"), "build D-Bus message");
    append_timer(message, timer);
    finished_.clear();
    const Message reply = send(message, "start", timer.name);
    const std::string result = wait_for_job(read_string(reply.get(), 'o'), milliseconds(30000));
    if (result != "done") throw Error("start", timer.name, result);
  }

  std::string system_state() override {
    BusError error;
    char* state = nullptr;
    const int result =
        sd_bus_get_property_string(bus_, kDestination, kPath, kManager, "SystemState", &error.error, &state);
    if (result < 0) throw Error("read", "SystemState", error.text(result));
    std::string text = state;
    free(state);
    return text;
  }

 private:
  static int on_job_removed(sd_bus_message* message, void* context, sd_bus_error*) {
    std::uint32_t id = 0;
    const char* path = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) > 0) {
      static_cast<BusSystemd*>(context)->finished_[path] = result;
    }
    return 0;
  }

  void add_job_match() {
    // The private socket is a direct connection: no bus names, all signals come, and nothing is to be subscribed.
    const char* sender = private_ ? nullptr : kDestination;
    checked(sd_bus_match_signal(bus_, nullptr, sender, kPath, kManager, "JobRemoved", on_job_removed, this), "watch",
            "systemd's jobs");
    if (private_) return;
    BusError error;
    const int result = sd_bus_call_method(bus_, kDestination, kPath, kManager, "Subscribe", &error.error, nullptr, "");
    if (result < 0) throw Error("subscribe to", "systemd", error.text(result));
  }

  sd_bus_message* method(const char* name) {
    sd_bus_message* message = nullptr;
    checked(sd_bus_message_new_method_call(bus_, &message, kDestination, kPath, kManager, name), "build D-Bus message");
    return message;
  }

  Message send(sd_bus_message* message, std::string_view operation, std::string_view object,
               milliseconds timeout = milliseconds(30000)) {
    forget_signals();
    BusError error;
    Message reply;
    const auto microseconds = static_cast<std::uint64_t>(timeout.count()) * 1000;
    const int result = sd_bus_call(bus_, message, microseconds, &error.error, reply.out());
    if (result < 0) throw Error(operation, object, error.text(result));
    return reply;
  }

  // A call puts the signals that arrive meanwhile into a queue, which is bounded: without this, a connection that only
  // asks would break after some ten thousand jobs of the system.
  void forget_signals() {
    while (sd_bus_process(bus_, nullptr) > 0) {
    }
    finished_.clear();
  }

  template <typename... Arguments>
  Message call(const char* name, const std::string& object, const char* types, Arguments... arguments) {
    Message request(method(name));
    checked(sd_bus_message_append(request.get(), types, arguments...), "build D-Bus message");
    return send(request.get(), name, object);
  }

  std::optional<std::string> unit_property(const std::string& path, const std::string& interface,
                                           const std::string& name) {
    BusError error;
    Message reply;
    const std::string full = std::format("{}.{}", kDestination, interface);
    const int result = sd_bus_call_method(bus_, kDestination, path.c_str(), "org.freedesktop.DBus.Properties", "Get",
                                          &error.error, reply.out(), "ss", full.c_str(), name.c_str());
    if (result < 0) {
      if (error.is(SD_BUS_ERROR_UNKNOWN_PROPERTY) || error.is(SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
          error.is(SD_BUS_ERROR_UNKNOWN_OBJECT)) {
        return std::nullopt;
      }
      throw Error("read", name, error.text(result));
    }
    const char* contents = nullptr;
    char type = 0;
    checked(sd_bus_message_peek_type(reply.get(), &type, &contents), "read D-Bus message");
    checked(sd_bus_message_enter_container(reply.get(), 'v', contents), "read D-Bus message");
    return simple_value(reply.get());
  }

  static void append_strings(sd_bus_message* message, const std::vector<std::string>& strings) {
    checked(sd_bus_message_open_container(message, 'a', "s"), "build D-Bus message");
    for (const auto& string : strings) {
      checked(sd_bus_message_append(message, "s", string.c_str()), "build D-Bus message");
    }
    checked(sd_bus_message_close_container(message), "build D-Bus message");
  }

  void unit_files(const char* name, const std::vector<std::string>& files, bool runtime, bool with_force) {
    Message request(method(name));
    append_strings(request.get(), files);
    checked(sd_bus_message_append(request.get(), "b", runtime ? 1 : 0), "build D-Bus message");
    if (with_force) checked(sd_bus_message_append(request.get(), "b", 1), "build D-Bus message");
    send(request.get(), name, files.empty() ? "" : files.front());
  }

  std::string wait_for_job(const std::string& path, milliseconds timeout) {
    if (timeout.count() == 0) return "queued";
    const auto deadline = steady_clock::now() + timeout;
    for (;;) {
      if (const auto found = finished_.find(path); found != finished_.end()) return found->second;
      const int worked = checked(sd_bus_process(bus_, nullptr), "read from", "systemd");
      if (worked > 0) continue;
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) return "timeout";
      const int result = sd_bus_wait(bus_, static_cast<std::uint64_t>(left.count()));
      if (result != -EINTR) checked(result, "wait for", "systemd");
    }
  }

  sd_bus* bus_ = nullptr;
  bool private_ = false;
  std::map<std::string, std::string> finished_;  // job path → result, of the job under way
};

}  // namespace

std::unique_ptr<Systemd> connect_systemd() {
  return std::make_unique<BusSystemd>();
}

}  // namespace base
