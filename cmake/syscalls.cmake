# The system calls' numbers of the target as generated/syscall_numbers.inc: one line {"name", number}, each, sorted by
# name, from the kernel's own header, for what is compiled with them (runtime/seccomp_default.cc).
set(probe ${CMAKE_BINARY_DIR}/generated/syscall_numbers_probe.c)
file(WRITE ${probe} "#include <asm/unistd.h>\n")
execute_process(COMMAND ${CMAKE_C_COMPILER} -E -dM ${probe} OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "#define __NR_[a-z0-9_]+ [0-9]+" macros "${macros}")
list(SORT macros)
set(lines "")
foreach(macro ${macros})
  string(REGEX REPLACE "#define __NR_([a-z0-9_]+) ([0-9]+)" "{\"\\1\", \\2}," line "${macro}")
  string(APPEND lines "${line}\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/syscall_numbers.inc CONTENT "${lines}" @ONLY)
