#!/usr/bin/env bash
# How long clients wait when the leader goes: three members of etcd 3.4.23 and of kvd in turn, on loopback, on this machine.
# Prints one table. Each round kills the leader (kill -9), or stops it (SIGTERM), and writes to another member: one client
# that waits for its answer and tries again when it failed, and a new request every 50 ms. Then the member comes back.
#
#   bench/failover.sh [--rounds N]     (default 50, at most 1000; etcd takes about 12 s a round)
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=50
while (($# > 0)); do
  case $1 in
    --rounds) rounds=$2 && shift ;;
    *) echo "failover.sh: unknown option '$1' (allowed: --rounds N)" >&2 && exit 2 ;;
  esac
  shift
done
[[ $rounds =~ ^[0-9]+$ ]] && ((rounds >= 1 && rounds <= 1000)) ||
  { echo "failover.sh: --rounds '$rounds': 1 to 1000" >&2 && exit 2; }
[[ -x out/clusterctl ]] || { echo "no out/clusterctl: ./dev build makes it" >&2 && exit 1; }
tools/oracle.sh ensure >&2
mkdir -p out/bench
exec python3 bench/failover.py "$rounds" "$PWD/out/clusterctl" "$(tools/oracle.sh path)/etcd" out/bench
