#include "runtime/oci_hooks.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

Hooks parse(const char* text) {
  return parse_hooks(ObjectReader(base::parse_json(text, "test"), "hooks"));
}

std::string reason(const char* text) {
  try {
    parse(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("hooks are read, and written as they are read") {
  const char* text = R"({"prestart":[{"path":"/a","args":["a","b"],"env":["C=d"],"timeout":5},{"path":"/e"}],
    "poststop":[{"path":"/f"}]})";
  Hooks hooks = parse(text);
  REQUIRE(hooks.prestart.size() == 2);
  CHECK(hooks.prestart[0].path == "/a");
  CHECK(hooks.prestart[0].arguments == std::vector<std::string>{"a", "b"});
  CHECK(hooks.prestart[0].environment == std::vector<std::string>{"C=d"});
  CHECK(hooks.prestart[0].timeout == std::chrono::seconds(5));
  CHECK_FALSE(hooks.prestart[1].timeout);
  CHECK(hooks.before_pivot());
  Hooks again = parse_hooks(ObjectReader(hooks_to_json(hooks), "hooks"));
  CHECK(hooks_to_json(again) == hooks_to_json(hooks));
  CHECK_FALSE(parse("{}").any());
  CHECK_FALSE(parse(R"({"poststop":[{"path":"/f"}]})").before_pivot());
}

TEST_CASE("a hook that is wrong is refused by its place") {
  CHECK(reason(R"({"prestart":[{"path":"a"}]})") == "config.json hooks.prestart[0].path: expected an absolute path");
  CHECK(reason(R"({"poststart":[{"path":"/a"},{}]})") ==
        "config.json hooks.poststart[1].path: expected an absolute path");
  CHECK(reason(R"({"poststop":[{"path":"/a","timeout":0}]})").find("timeout") != std::string::npos);
  CHECK(reason(R"({"poststop":[{"path":"/a","user":"b"}]})") == "config.json hooks.poststop[0].user: not supported");
}

TEST_CASE("the state of a hook is the specification's") {
  base::Json state = base::parse_json(hook_state("c", "creating", 7, "/b", {{"k", "v"}}), "test");
  CHECK(state ==
        base::Json::parse(
            R"({"ociVersion":"1.3.0","id":"c","status":"creating","bundle":"/b","pid":7,"annotations":{"k":"v"}})"));
  CHECK_FALSE(base::parse_json(hook_state("c", "stopped", 0, "/b", base::Json::object()), "test").contains("pid"));
}

}  // namespace runtime
