// peak_memory COMMAND…: runs it, with its output thrown away, and prints the largest resident set that it, or a process
// that it waited for, had, in KiB (wait4(2)). Small and static, since a child's figure starts with what its parent had
// at the fork.

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  pid_t child = fork();
  if (child == 0) {
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status = 0;
  struct rusage usage = {0};
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) return 1;
  printf("%ld\n", usage.ru_maxrss);
  return 0;
}
