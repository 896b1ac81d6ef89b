// The one binary. argv[0]'s name or the first argument picks the applet; the tables of the rooms say everything else.

#include "clusterctl/registry.h"

int main(int argc, char** argv) {
  // clusterctl's own table is what is left when no other name was called, so it is not among those that are looked for.
  return base::dispatch(clusterctl::front, clusterctl::tables(), argc, argv);
}
