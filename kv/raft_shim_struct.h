#pragma once
// What is behind raft_shim.h, for its C files alone: raft.h is no C++.

#ifndef __cplusplus

#include <raft.h>

#include "kv/raft_shim.h"

struct raft_shim {
  struct raft raft;
  struct raft_update update;
};

#endif
