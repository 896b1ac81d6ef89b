// state.json of a container and pod.json of a pod: what is taken from it is the same after it was written again.

#include "base/error.h"
#include "base/json.h"
#include "fuzz.h"
#include "runtime/pod_store.h"
#include "runtime/state.h"

namespace {

template <typename Read>
void survives(const base::Json& json, Read read) {
  try {
    const std::string text = base::to_text(runtime::to_json(read(json, "input")));
    const std::string again = base::to_text(runtime::to_json(read(base::parse_json(text, "again"), "again")));
    fuzz::must(again == text, "a state survives its text");
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Json json;
  try {
    json = base::parse_json(fuzz::text_of(data, size), "input");
  } catch (const base::Error&) {
    return 0;
  }
  survives(json, runtime::state_from_json);
  survives(json, runtime::pod_from_json);
  return 0;
}
