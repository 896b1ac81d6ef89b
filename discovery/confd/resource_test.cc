// A template resource: confd's own example, its defaults, and what is refused.

#include "discovery/confd/resource.h"

#include <doctest/doctest.h>

#include "base/error.h"

using namespace discovery::confd;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_resource(text, "c.toml", "");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

const std::string kSmallest = "[template]\nsrc = \"a.tmpl\"\ndest = \"/tmp/a\"\nkeys = [\"a\"]\n";

}  // namespace

TEST_CASE("confd's example") {
  const std::string text =
      "[template]\nprefix = \"/myapp\"\nsrc = \"myapp.conf.tmpl\"\ndest = \"/tmp/myapp.conf\"\nmode = \"0640\"\n"
      "uid = 0\ngid = 33\nkeys = [ \"/services/web\", \"/nginx/\" ]\n"
      "check_cmd = \"/usr/sbin/nginx -t -c {{.src}}\"\nreload_cmd = \"/usr/sbin/service nginx reload\"\n";
  const Resource resource = parse_resource(text, "c.toml", "");
  CHECK(resource.source == "myapp.conf.tmpl");
  CHECK(resource.destination == "/tmp/myapp.conf");
  CHECK(resource.mode == 0640);
  CHECK(resource.uid == 0);
  CHECK(resource.gid == 33);
  CHECK(resource.keys == std::vector<std::string>{"/services/web", "/nginx"});
  CHECK(resource.store_key("/nginx") == "/myapp/nginx");
  CHECK(resource.check_command == "/usr/sbin/nginx -t -c {{.src}}");
  CHECK(parse_resource(text, "c.toml", "other").store_key("/nginx") == "/other/nginx");
}

TEST_CASE("defaults") {
  const Resource resource = parse_resource(kSmallest + "uid = -1\n", "c.toml", "");
  CHECK(resource.prefix == "/");
  CHECK(resource.store_key("/a") == "/a");
  CHECK_FALSE(resource.mode.has_value());
  CHECK_FALSE(resource.uid.has_value());
  CHECK(resource.reload_command.empty());
}

TEST_CASE("refusals name file and line") {
  CHECK(refusal("") == "read c.toml:1: there is no [template]");
  CHECK(refusal("[template]\n").contains("'src' is missing"));
  CHECK(refusal("[template]\nsrc = \"a\"").contains("'dest' is missing"));
  CHECK(refusal("[template]\nsrc = \"a\"\ndest = \"/a\"").contains("'keys' is missing"));
  CHECK(refusal("[template]\nsrc = \"a\"\ndest = \"/a/\"") == "read c.toml:3: 'dest' names a folder, not a file");
  CHECK(refusal(kSmallest + "relod_cmd = \"x\"")
            .starts_with("read c.toml:5: unknown key 'relod_cmd' (allowed: src, dest"));
  CHECK(refusal(kSmallest + "mode = \"644\"") ==
        "read c.toml:5: mode '644' is not octal with a leading zero, such as \"0644\"");
  CHECK(refusal(kSmallest + "mode = \"0999\"").contains("is not octal"));
  CHECK(refusal(kSmallest + "mode = \"017777\"").contains("is not octal"));
  CHECK(refusal(kSmallest + "mode = 644").contains("'mode' must be a string"));
  CHECK(refusal(kSmallest + "uid = \"root\"") == "read c.toml:5: 'uid' must be an integer");
  CHECK(refusal(kSmallest + "gid = -2").contains("'gid' is not a number from 0"));
  CHECK(refusal("a = 1\n" + kSmallest).contains("'a' stands outside of [template]"));
  CHECK(refusal(kSmallest + "[other]\na = 1\n").contains("unknown table [other]"));
  CHECK(refusal("[template]\nsrc = \"a\"\ndest = \"/a\\u0000b\"").contains("zero byte"));
}
