#include "runtime/oci_process.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "runtime/oci_scheduling.h"

namespace runtime {
namespace {

Process scheduling(const char* text) {
  base::Json json = base::parse_json(text, "test");
  ObjectReader reader(json, "process");
  Process process;
  parse_scheduling(reader, process);
  return process;
}

std::string reason(const char* text) {
  try {
    scheduling(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a terminal and its size are read") {
  base::Json json =
      base::parse_json(R"({"args":["a"],"cwd":"/","terminal":true,"consoleSize":{"height":24,"width":80}})", "test");
  Process process = parse_process(ObjectReader(json, "process"));
  CHECK(process.terminal);
  CHECK(process.terminal_rows == 24);
  CHECK(process.terminal_columns == 80);
}

TEST_CASE("scheduler, priority of input and output, and processors are read") {
  Process process = scheduling(R"({"scheduler":{"policy":"SCHED_DEADLINE","nice":-5,"priority":3,
    "flags":["SCHED_FLAG_RESET_ON_FORK","SCHED_FLAG_RECLAIM"],"runtime":1,"deadline":2,"period":3},
    "ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":7},"execCPUAffinity":{"initial":"0-1","final":"3"}})");
  REQUIRE(process.scheduler);
  CHECK(process.scheduler->policy == 6);
  CHECK(process.scheduler->nice == -5);
  CHECK(process.scheduler->priority == 3);
  CHECK(process.scheduler->flags == 3);
  CHECK(process.scheduler->runtime == 1);
  CHECK(process.scheduler->deadline == 2);
  CHECK(process.scheduler->period == 3);
  CHECK(process.io_priority == (3 << 13 | 7));
  CHECK(process.cpus_before == "0-1");
  CHECK(process.cpus_after == "3");
}

TEST_CASE("what the kernel would not understand is refused by its name") {
  CHECK(reason(R"({"scheduler":{"policy":"SCHED_BEST"}})") ==
        "config.json process.scheduler.policy: 'SCHED_BEST' is unknown");
  CHECK(reason(R"({"scheduler":{"policy":"SCHED_RR","nice":20}})").find("-20 to 19") != std::string::npos);
  CHECK(reason(R"({"ioPriority":{"class":"IOPRIO_CLASS_RT","priority":8}})").find("0 to 7") != std::string::npos);
  CHECK(reason(R"({"execCPUAffinity":{"initial":"all"}})").find("0-3,7") != std::string::npos);
}

}  // namespace runtime
