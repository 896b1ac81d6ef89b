// The one binary. argv[0]'s name or the first argument picks the applet; the tables of the rooms say everything else.

#include <cstdio>
#include <cstdlib>

#include "clusterctl/registry.h"

int main(int argc, char** argv) {
  // clusterctl's own table is what is left when no other name was called, so it is not among those that are looked for.
  const int status = base::dispatch(clusterctl::front, clusterctl::tables(), argc, argv);
  // Nothing that outlives main has work to do at its end, and the destructors of all rooms' statics are a good part of
  // a short command's time.
  std::fflush(nullptr);
  std::_Exit(status);
}
