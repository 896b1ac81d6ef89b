// The template language against what Go's text/template prints for the same, and every refusal.

#include "discovery/confd/template.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/random.h"

using namespace discovery::confd;

namespace {

Keys sample() {
  Keys keys;
  keys.set("/nginx/domain", "example.com");
  keys.set("/app/upstream/app1", "10.0.1.101:80");
  keys.set("/app/upstream/app2", "10.0.1.100:80");
  keys.set("/deis/services/srv1/node1", "10.244.1.1:80");
  keys.set("/deis/services/srv1/node2", "10.244.1.2:80");
  keys.set("/deis/services/srv2/node1", "10.244.2.1:80");
  keys.set("/deis/services/leaf", "x");
  keys.set("/json", R"({"Id":"host1","port":9200,"ratio":0.5,"list":[{"name":"a"},{"name":"b"}],"none":null})");
  keys.set("/array", R"(["a","b",3])");
  return keys;
}

std::string render(std::string_view text) {
  const Keys keys = sample();
  return Template(text, "t").render({.keys = keys, .environment = [](const std::string& name) {
                                       return name == "SET" ? std::optional<std::string>("yes") : std::nullopt;
                                     }});
}

std::string refusal(std::string_view text) {
  try {
    render(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("text, comments and trim markers") {
  CHECK(render("").empty());
  CHECK(render("plain } { text") == "plain } { text");
  CHECK(render("a {{/* no\n more */}} b") == "a  b");
  CHECK(render("a \n {{- /* x */ -}} \n b") == "ab");
  CHECK(render("a  {{- 3 }}  b") == "a3  b");
  CHECK(render("a  {{3 -}}  b") == "a  3b");
  CHECK(render("a  {{-3}}  b") == "a  -3  b");  // a number, not a marker
  CHECK(render("{{ \"}}\" }}") == "}}");
}

TEST_CASE("keys") {
  CHECK(render("{{getv \"/nginx/domain\"}}") == "example.com");
  CHECK(render("{{getv \"/none\" \"default\"}}") == "default");
  CHECK(render("{{with get \"/nginx/domain\"}}{{.Key}}={{.Value}}{{end}}") == "/nginx/domain=example.com");
  CHECK(render("{{range gets \"/app/upstream/*\"}}{{base .Key}} {{.Value}};{{end}}") ==
        "app1 10.0.1.101:80;app2 10.0.1.100:80;");
  CHECK(render("{{range getvs \"/app/upstream/*\"}}{{.}} {{end}}") == "10.0.1.100:80 10.0.1.101:80 ");
  CHECK(render("{{range gets \"/none/*\"}}x{{else}}empty{{end}}") == "empty");
  CHECK(render("{{exists \"/nginx/domain\"}} {{exists \"/nginx\"}}") == "true false");
  CHECK(render("{{ls \"/deis/services\"}} {{ls \"/deis/services/leaf\"}} {{ls \"/none\"}}") ==
        "[leaf srv1 srv2] [leaf] []");
  CHECK(render("{{lsdir \"/deis/services\"}} {{lsdir \"/deis\"}}") == "[srv1 srv2] [services]");
  CHECK(render("{{ls \"/\"}}") == "[app array deis json nginx]");
}

TEST_CASE("confd's complex example") {
  CHECK(render("{{range $dir := lsdir \"/deis/services\"}}\nupstream {{base $dir}} {\n"
               "    {{$custdir := printf \"/deis/services/%s/*\" $dir}}{{range gets $custdir}}\n"
               "    server {{.Value}};\n    {{end}}\n}\n{{end}}") ==
        "\nupstream srv1 {\n    \n    server 10.244.1.1:80;\n    \n    server 10.244.1.2:80;\n    \n}\n"
        "\nupstream srv2 {\n    \n    server 10.244.2.1:80;\n    \n}\n");
}

TEST_CASE("strings") {
  CHECK(render("{{base \"/a/b/\"}} {{base \"\"}} {{base \"/\"}} {{dir \"/a/b\"}} {{dir \"/a\"}} {{dir \"a\"}}") ==
        "b . / /a / .");
  CHECK(render("{{$u := split \"10.0.0.1:80\" \":\"}}{{index $u 0}}|{{index $u 1}}") == "10.0.0.1|80");
  CHECK(render("{{join (getvs \"/app/upstream/*\") \",\"}}") == "10.0.1.100:80,10.0.1.101:80");
  CHECK(render("{{toUpper \"aé\"}}{{toLower \"AB\"}}{{contains \"abc\" \"b\"}}") == "Aéabtrue");
  CHECK(render("{{replace \"a-b-c\" \"-\" \"_\" -1}} {{replace \"a-b-c\" \"-\" \"_\" 1}}") == "a_b_c a_b-c");
  CHECK(render("{{trimSuffix \"web.service\" \".service\"}}{{trimSuffix \"web\" \"x\"}}") == "webweb");
  CHECK(render("{{getenv \"SET\"}} {{getenv \"UNSET\"}} {{getenv \"UNSET\" \"d\"}}") == "yes  d");
  CHECK(render("{{printf \"%s %d %v %q %%\" \"a\" 3 true \"x\\\"y\"}}") == "a 3 true \"x\\\"y\" %");
  CHECK(render("{{`raw \\n`}}{{\"\\u00e9\\t\"}}") == "raw \\né\t");
}

TEST_CASE("JSON") {
  CHECK(render(
            "{{$d := json (getv \"/json\")}}{{$d.Id}} {{$d.port}} {{$d.ratio}} {{(index $d.list 1).name}} {{$d.no}}") ==
        "host1 9200 0.5 b <no value>");
  CHECK(render("{{with json (getv \"/json\")}}{{range .list}}{{.name}}{{end}}{{end}}") == "ab");
  CHECK(render("{{range $i, $v := jsonArray (getv \"/array\")}}{{$i}}={{$v}} {{end}}") == "0=a 1=b 2=3 ");
  CHECK(render("{{range $k, $v := json `{\"b\":1e21,\"a\":[1,\"x\"]}`}}{{$k}}:{{$v}} {{end}}") == "a:[1 x] b:1e+21 ");
  CHECK(refusal("{{json \"[1]\"}}") == "render t:1: json: the value is no JSON object");
  CHECK(refusal("{{json \"{\"}}").starts_with("render t:1: json: parse JSON the value: line 1"));
}

TEST_CASE("conditions and comparisons") {
  CHECK(render("{{if eq 1 2}}a{{else if eq 1 3 1}}b{{else}}c{{end}}") == "b");
  CHECK(render("{{if false}}a{{else if 0}}b{{else if \"\"}}c{{else}}d{{end}}") == "d");
  CHECK(render("{{ne \"a\" \"b\"}} {{lt 1 2}} {{le 2 2}} {{gt \"a\" \"b\"}} {{ge 1.5 1.5}}") ==
        "true true true false true");
  CHECK(render("{{and 1 0 (getv \"/none\")}} {{or 0 \"x\" (getv \"/none\")}} {{not 0}}") == "0 x true");
  CHECK(render("{{len \"abc\"}} {{len (ls \"/deis\")}} {{len (json (getv \"/json\"))}}") == "3 1 5");
  CHECK(render("{{with $x := \"\"}}a{{else}}b{{end}}") == "b");
  CHECK(refusal("{{eq 1 \"1\"}}") == "render t:1: eq: int and string cannot be compared");
}

TEST_CASE("variables, pipelines and scopes") {
  CHECK(render("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}") == "21");
  CHECK(render("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}") == "2");
  CHECK(render("{{\"/nginx/domain\" | getv | toUpper | printf \"%s!\"}}") == "EXAMPLE.COM!");
  CHECK(render("{{with \"a\"}}{{.}}{{with \"b\"}}{{.}}{{$}}{{end}}{{end}}") == "ab<no value>");
  CHECK(render("{{range $v := split \"a,b\" \",\"}}{{$v}}{{.}}{{end}}") == "aabb");
  CHECK(render("{{ $x\n:=\n3 }}{{ $x }}") == "3");
}

TEST_CASE("malformed templates are refused with their line") {
  CHECK(refusal("\n\n{{getv") == "parse t:3: the action has no }}");
  CHECK(refusal("{{\"x}}") == "parse t:1: the string has no end");
  CHECK(refusal("{{if true}}\nx").contains("'if' of line 1 has no end"));
  CHECK(refusal("a\n{{end}}") == "parse t:2: 'end' without a block to belong to");
  CHECK(refusal("{{else}}").contains("without a block"));
  CHECK(refusal("{{if 1}}{{else}}{{else}}{{end}}").contains("a second 'else'"));
  CHECK(refusal("{{}}").contains("a value or a function is missing"));
  CHECK(refusal("{{if}}x{{end}}").contains("is missing"));
  CHECK(refusal("{{(3}}") == "parse t:1: expected ')'");
  CHECK(refusal("{{3)}}").contains("unexpected ')'"));
  CHECK(refusal("{{1 2}}").contains("only a function can take arguments"));
  CHECK(refusal("{{1 | 2}}").contains("only a function can take arguments"));
  CHECK(refusal("{{$x}}") == "parse t:1: undefined variable '$x'");
  CHECK(refusal("{{if true}}{{$x := 1}}{{end}}{{$x}}").contains("undefined variable"));
  CHECK(refusal("{{$x = 1}}").contains("undefined variable"));
  CHECK(refusal("{{$x, $y := 1}}").contains("for 'range' only"));
  CHECK(refusal("{{/* x }}").contains("the comment has no end"));
  CHECK(refusal("{{ /* x */ }}").contains("a comment must begin directly"));
  CHECK(refusal("{{getv}}") == "parse t:1: function 'getv' takes 1 to 2 arguments, not 0");
  CHECK(refusal("{{printf \"%s\" ls}}").contains("must stand in parentheses"));
  CHECK(refusal("{{010}}").contains("no decimal number"));
  CHECK(refusal("{{0x1f}}").contains("no decimal number"));
  CHECK(refusal("{{'x'}}").contains("character constants"));
  CHECK(refusal("{{3 ? b}}") == "parse t:1: unexpected character '?' in an action");
  CHECK(refusal("{{\"a\"\"b\"}}").contains("blank missing"));
}

TEST_CASE("what is outside of the part is refused by name") {
  CHECK(refusal("x\n{{lookupIP \"a\"}}") == "parse t:2: function 'lookupIP' is not supported");
  CHECK(refusal("{{cgetv \"/a\"}}").starts_with("parse t:1: function 'cgetv' is not supported (did you mean 'getv'?)"));
  CHECK(refusal("{{datetime.Format \"x\"}}").contains("function 'datetime' is not supported"));
  CHECK(refusal("{{define \"x\"}}{{end}}") == "parse t:1: 'define' is not supported");
  for (const char* word : {"template \"x\"", "block \"x\" .", "break", "continue"}) {
    CAPTURE(word);
    CHECK(refusal("{{" + std::string(word) + "}}").contains("is not supported"));
  }
  CHECK(refusal("{{with 1}}{{else with 2}}{{end}}").contains("'else with' is not supported"));
  CHECK(refusal("{{printf \"%05d\" 3}}") == "render t:1: printf: '%0' is not supported (allowed: %s %d %v %q %%)");
}

TEST_CASE("what cannot be rendered is an error with its line") {
  CHECK(refusal("\n{{getv \"/none\"}}") == "render t:2: getv: key does not exist: /none");
  CHECK(refusal("{{get \"/none\"}}").contains("key does not exist"));
  CHECK(refusal("{{.x}}") == "render t:1: nil has no field 'x'");
  CHECK(refusal("{{with get \"/json\"}}{{.Val}}{{end}}").contains("a pair has no field 'Val' (allowed: Key, Value)"));
  CHECK(refusal("{{index (split \"a\" \",\") 1}}").contains("index 1 is out of range: the list has 1"));
  CHECK(refusal("{{index (split \"a\" \",\") -1}}").contains("out of range"));
  CHECK(refusal("{{range \"abc\"}}{{end}}").contains("range can't iterate over string"));
  CHECK(refusal("{{len 3}}").contains("int has no length"));
  CHECK(refusal("{{getv 3}}").contains("argument 1 must be a string, not int"));
  CHECK(refusal("{{printf \"%d\" \"x\"}}").contains("must be an integer"));
  CHECK(refusal("{{printf \"%s\"}}").contains("'%s' has no argument"));
  CHECK(refusal("{{printf \"x\" 1}}").contains("1 arguments too many"));
  CHECK(refusal("{{split \"a\" \"\"}}").contains("the separator is empty"));
}

TEST_CASE("depth, steps and sizes are bounded") {
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "{{if true}}";
  CHECK(refusal(deep).contains("more than 64 deep"));
  CHECK(refusal("{{" + std::string(100000, '(')).contains("}}"));
  CHECK(refusal("{{" + std::string(100, '(') + "}}").contains("more than 64 deep"));
  std::string chain = "{{if 0}}";
  for (int i = 0; i < 70; ++i) chain += "{{else if 0}}";
  CHECK(refusal(chain + "{{end}}").contains("more than 64"));

  const std::string list = "{{$l := split \"" + std::string(300, ',') + "\" \",\"}}";
  CHECK(
      refusal(list + "{{range $l}}{{range $l}}{{range $l}}{{end}}{{end}}{{end}}").contains("more than 2000000 steps"));
  CHECK(refusal("{{$x := \"0123456789abcdef\"}}" + list + "{{range $l}}{{$x = printf \"%s%s\" $x $x}}{{end}}")
            .contains("longer than 16777216 bytes"));
  const std::string wide = "{{$x := \"" + std::string(100000, 'x') + "\"}}";
  CHECK(refusal(wide + list + "{{range $l}}{{$x}}{{end}}").contains("longer than 16777216 bytes"));
  CHECK(refusal(wide + list + "{{range $l}}{{range $l}}{{if contains $x \"y\"}}{{end}}{{end}}{{end}}")
            .contains("reads more than 1073741824 bytes"));
  Keys many;
  for (int i = 0; i < 100'000; ++i) many.set("/k" + std::to_string(i), "");
  CHECK_THROWS_WITH_AS(Template(list + "{{range $l}}{{if exists \"/x\"}}{{else if ls \"/x\"}}{{end}}{{end}}", "t")
                           .render({.keys = many}),
                       "render t:1: it reads more than 1073741824 bytes of values", base::Error);
  CHECK(refusal(std::string(kMaxTemplateBytes + 1, 'x')) == "parse t: larger than 1048576 bytes");
}

TEST_CASE("random texts are rendered or refused, nothing else") {
  const std::vector<std::string> pieces = {
      "{{",    "}}",      "{{- ",   " -}}", "/*", "*/", "if ",      "else ", "end", "range ", "with ", "$x",
      " := ",  ", ",      "| ",     "(",    ")",  ".",  ".Key ",    "\"",    "\\u", "`",      "getv ", "gets ",
      "json ", "printf ", "index ", "3 ",   "-",  "\n", "\"/a*\" ", "true ", "$",   "\xff"};
  base::SeededRandom random(1);
  std::size_t rendered = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint64_t n = random.below(12); n > 0; --n) text += pieces[random.below(pieces.size())];
    CAPTURE(text);
    if (refusal(text).empty()) ++rendered;
  }
  CHECK(rendered > 100);
  CHECK(rendered < 20'000);
}
