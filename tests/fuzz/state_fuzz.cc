// state.json of a container: what is taken from it is the same after it was written again.

#include "base/error.h"
#include "base/json.h"
#include "fuzz.h"
#include "runtime/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const runtime::ContainerState state =
        runtime::state_from_json(base::parse_json(fuzz::text_of(data, size), "state.json"), "state.json");
    const std::string text = base::to_text(runtime::to_json(state));
    const runtime::ContainerState again = runtime::state_from_json(base::parse_json(text, "again"), "again");
    fuzz::must(base::to_text(runtime::to_json(again)) == text, "a state survives its text");
  } catch (const base::Error&) {
  }
  return 0;
}
