#include "runtime/notify_proxy.h"

#include <doctest/doctest.h>

namespace runtime {

TEST_CASE("of a notification goes on what is meant for the manager, with the pid as the host sees it") {
  CHECK(relayed_notification("READY=1", 42) == "READY=1\nMAINPID=42\n");
  CHECK(relayed_notification("STATUS=loading\nMAINPID=1\nFDSTORE=1", 42) == "STATUS=loading\n");
  CHECK(relayed_notification("RELOADING=1\nSTOPPING=1\nWATCHDOG=1\nERRNO=2\n", 42) ==
        "RELOADING=1\nSTOPPING=1\nWATCHDOG=1\nERRNO=2\n");
  CHECK(relayed_notification("BARRIER=1", 42).empty());
  CHECK(relayed_notification("", 42).empty());
  CHECK(relayed_notification("READY", 42).empty());
}

}  // namespace runtime
