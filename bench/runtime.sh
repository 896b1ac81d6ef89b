#!/usr/bin/env bash
# The runtime's core beside crun and runc, in one run: bundles of busybox with all namespaces and Docker's filter, started one after
# the other and at once, how much memory that takes, and what an idle container costs. Times of a machine say little; the
# ratios are the figures. Everything happens in namespaces of its own and in $work, and goes with them.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-100}
idle=${IDLE:-500}

# --- outside: namespaces, and what they do not hold

if [[ ! ${BENCH_WORK:-} ]]; then
  [[ -x out/clusterctl ]] || { echo "no out/clusterctl: ./dev build makes it" >&2 && exit 1; }
  work=$(mktemp -d /tmp/bench-runtime.XXXXXX)
  clean_up() {
    local path
    for path in /sys/fs/cgroup/clusteros/oci-bench* /sys/fs/cgroup/{bench,crun/bench,unified/bench}*; do
      [[ ! -d $path ]] || rmdir "$path" 2>/dev/null || true
    done
    rm -rf --one-file-system "$work"
  }
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  BENCH_WORK=$work unshare --mount --pid --net --ipc --uts --fork --kill-child --mount-proc bash "bench/$(basename "$0")"
  exit
fi

# --- inside

work=$BENCH_WORK
mount -t tmpfs bench /run
# crun gives the files of its standard input and output to the container's user: they must not be the machine's /dev/null.
mknod -m 666 /run/null c 1 3
mount --bind /run/null /dev/null
gcc -O2 -static -o "$work/peak_memory" bench/peak_memory.c
# The file system of a program counts for the protection of its file: ours is on the same one as theirs.
cp out/clusterctl "$work/oci-runtime"
ours=$work/oci-runtime
declare -A command=([ours]="$ours" [crun]="crun --cgroup-manager=${CRUN_CGROUPS:-cgroupfs}" [runc]=runc)
names=(ours crun runc)

# bundle NAME FILTER: $work/NAME with /bin/true of busybox and runc's own example, changed by the jq FILTER.
bundle() {
  local name=$1 filter=$2 link
  mkdir -p "$work/$name/rootfs"/{bin,proc,sys,dev,tmp}
  cp /usr/bin/busybox "$work/$name/rootfs/bin/busybox"
  for link in true sleep; do ln -s busybox "$work/$name/rootfs/bin/$link"; done
  chmod 755 "$work" "$work/$name" "$work/$name/rootfs"
  (cd "$work/$name" && runc spec)
  jq --slurpfile filter "$work/seccomp.json" '
    .process.terminal = false | .process.args = ["/bin/true"] | del(.process.capabilities.ambient)
    | .linux.seccomp = $filter[0] | del(.linux.resources)
    | .mounts |= map(select(.type != "cgroup"))
    | .linux.namespaces |= (. + [{type: "cgroup"}] | unique_by(.type)) | '"$filter" \
    "$work/$name/config.json" >"$work/new.json"
  mv "$work/new.json" "$work/$name/config.json"
}

# compare TITLE BUNDLE: one row.
compare() {
  local title=$1 name arguments=()
  for name in "${names[@]}"; do arguments+=(--command-name "$name" "${command[$name]} run --bundle $work/$2 bench-$name"); done
  hyperfine --shell=none --warmup 5 --runs "$runs" --export-json "$work/figures.json" "${arguments[@]}" >&2
  jq -r --arg title "$title" '(.results | map({(.command): .median}) | add) as $median |
    "| \($title) | \([$median.ours, $median.crun, $median.runc] | map("\(. * 10000 | round / 10) ms") | join(" | ")) | \($median.ours / $median.crun * 100 | round / 100) |"' \
    "$work/figures.json"
}

# row TITLE UNIT OURS CRUN RUNC
row() {
  awk -v title="$1" -v unit="$2" -v a="$3" -v b="$4" -v c="$5" \
    'function cell(value) { return value == "-" ? "" : sprintf("%.4g %s", value, unit) }
    BEGIN { printf "| %s | %s | %s | %s | %.2f |\n", title, cell(a), cell(b), cell(c), a / b }'
}

# shellcheck disable=SC2086 # a command of several words
peak() { "$work/peak_memory" ${command[$1]} run --bundle "$work/$2" "bench-$1" | awk '{ print $1 / 1024 }'; }

# parallel NAME: milliseconds for 50 starts at once.
parallel() {
  local begin=$EPOCHREALTIME
  # shellcheck disable=SC2086
  seq 50 | xargs -P 50 -I{} ${command[$1]} run --bundle "$work/all" "bench-{}" >&2
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }'
}

# What is taken in KiB: memory of processes, of tmpfs and of the kernel, without the processes' own pages (here: the
# applications). Kernel stacks and compiled filters are in VmallocUsed. The page cache is left out: it moves by more than
# what is measured.
taken() {
  local private
  private=$(cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Private_Dirty/ { sum += $2 } END { print sum + 0 }')
  awk -v private="$private" '/^(AnonPages|Shmem|Slab|PageTables|Percpu|VmallocUsed):/ { sum += $2 }
    END { print sum - private }' /proc/meminfo
}

# idle NAME: KiB for each of many idle containers beside its application, and how many processes of the runtime stay.
idle_cost() {
  local name=$1 number before after
  before=$(taken)
  for ((number = 0; number < idle; number++)); do
    ${command[$name]} create --bundle "$work/idle" "bench-$number" >/dev/null 2>&1 </dev/null
    ${command[$name]} start "bench-$number" >&2
  done
  after=$(taken)
  processes=$(find /proc -maxdepth 2 -name exe -printf '%l\n' 2>/dev/null | grep -c "oci-runtime\|/crun\|/runc" || true)
  for ((number = 0; number < idle; number++)); do ${command[$name]} delete --force "bench-$number" >&2 || true; done
  echo "$(((after - before) / idle)) $processes"
}

python3 bench/seccomp_profile.py >"$work/seccomp.json"
user='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
  | .linux.gidMappings = .linux.uidMappings'
bundle all .
bundle plain 'del(.linux.seccomp)'
bundle user "$user"
bundle no_network '.linux.namespaces |= map(select(.type != "network"))
  | .mounts |= map(if .type == "sysfs" then .type = "bind" | .source = "/sys" | .options = ["rbind", "nosuid", "noexec", "nodev", "ro"] else . end)'
bundle idle '.process.args = ["/bin/sleep", "100000"]'
for name in "${names[@]}"; do ${command[$name]} run --bundle "$work/all" "bench-$name" >&2; done

echo "## Starting a container: the runtime's core"
echo
echo "\`run\` of /bin/true (static busybox), median of $runs, side by side; all namespaces but user and Docker's filter for three"
echo "architectures, except where a row says otherwise. The ratio is ours to crun's; goals: ≤ 0.45, ≤ 3 MB, < 1 MB."
echo
echo "| | ours | crun | runc | ratio |"
echo "|---|---|---|---|---|"
compare "all namespaces, full filter" all
compare "the same with a user namespace" user
compare "without a filter" plain
compare "without a network namespace" no_network
row "peak memory of the runtime" MB "$(peak ours all)" "$(peak crun all)" "$(peak runc all)"
row "50 started at once, until all have ended" ms "$(parallel ours)" "$(parallel crun)" "$(parallel runc)"
if ((idle > 0)); then
  read -r ours_memory ours_processes <<<"$(idle_cost ours)"
  read -r crun_memory crun_processes <<<"$(idle_cost crun)"
  row "memory of each of $idle idle containers beside its application" KiB "$ours_memory" "$crun_memory" -
  echo "| processes of the runtime beside them | $ours_processes | $crun_processes | | |"
fi
