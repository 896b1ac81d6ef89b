// A request to /v2/keys with any query, content type and body: parsed as etcd does; the command that comes out of it
// survives its way through the log. Input: method, target and content type, a line each, then the body.

#include "base/error.h"
#include "fuzz.h"
#include "kv/go_text.h"
#include "kv/v2_form.h"
#include "kv/v2_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  base::HttpRequest request;
  request.method = input.line();
  request.target = input.line();
  request.headers.add("Content-Type", input.line());
  request.body = input.rest();
  kv::V2Form form;
  form.parse(request);
  for (const char* name : {"ttl", "prevExist", "waitIndex"}) {
    (void)form.number(name);
    (void)form.boolean(name);
  }
  auto path = kv::unescape_path(request.raw_path());
  if (!path) return 0;
  const std::string clean = kv::clean_url_path(*path);
  if (clean != "/v2/keys" && !clean.starts_with("/v2/keys/")) return 0;
  auto parsed = kv::parse_v2_request(request, clean, 1'700'000'000'000'000'000);
  const auto* accepted = std::get_if<kv::V2Request>(&parsed);
  if (accepted == nullptr) return 0;
  fuzz::must(accepted->key.starts_with(kv::kKeysPrefix), "a client's key is below the keys");
  if (accepted->kind != kv::V2Kind::kWrite) return 0;
  fuzz::must(kv::decode_command(kv::encode(accepted->command)) == accepted->command, "a command survives its bytes");
  return 0;
}
