#!/usr/bin/env bash
# The image's kernel with nothing but our binary in an initramfs: cgroup v2 limits really hold, without systemd.
# The whole machine runs one script and says what it saw on its console; it is up in seconds, also without KVM.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/bare_machine.sh"
TEST_TIMEOUT=180

# limited JSON COMMAND: a line of the guest's script that runs the command under these resources.
limited() {
  jq -n --argjson resources "$1" --arg text "$2" '{resources: $resources, text: $text}' >"$TMP/part.json"
  jq --slurpfile part "$TMP/part.json" '.root.readonly = false | .linux.resources = $part[0].resources
    | .process.args = ["sh", "-c", $part[0].text]' "$TMP/config.json" | jq -c .
}

test_memory_pids_and_cpu() {
  local out
  applet oci-runtime spec -b "$TMP"
  out=$(machine "
cat >/bundle/config.json <<'J'
$(limited '{"memory": {"limit": 33554432, "swap": 33554432}}' 'cat /sys/fs/cgroup/memory.max; dd if=/dev/zero of=/tmp/x bs=100M count=1; echo survived')
J
oci-runtime run -b /bundle hog; echo \"memory: \$?\"
cat >/bundle/config.json <<'J'
$(limited '{"pids": {"limit": 5}}' 'cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; echo not reached')
J
oci-runtime run -b /bundle bomb; echo \"pids: \$?\"
cat >/bundle/config.json <<'J'
$(limited '{"cpu": {"quota": 20000, "period": 100000}}' 'cat /sys/fs/cgroup/cpu.max; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; grep nr_throttled /sys/fs/cgroup/cpu.stat')
J
oci-runtime run -b /bundle busy; echo \"cpu: \$?\"
ls -d /sys/fs/cgroup/clusteros/*/ 2>/dev/null
echo end")
  echo "$out"
  expect_match "$out" $'33554432\n'
  expect_match "$out" 'memory: 137'
  [[ $out != *survived* ]] || fail "the hog survived"
  expect_match "$out" "can't fork"
  [[ $out != *"not reached"* ]] || fail "the bomb went off"
  expect_match "$out" '20000 100000'
  expect_match "$out" 'nr_throttled [1-9]'
  expect_match "$out" 'cpu: 0'
  expect_match "$out" $'\nend'
}

# knobs ID FILE...: a line of the guest's script that prints them as FILE=value.
knobs() {
  local id=$1 file
  shift
  for file in "$@"; do echo "echo \"$file=\$(cat /sys/fs/cgroup/clusteros/oci-$id/$file)\""; done
}

test_every_limit_is_set_and_changed_while_it_runs() {
  local out line
  applet oci-runtime spec -b "$TMP"
  out=$(machine "
cat >/bundle/config.json <<'J'
$(limited '{"memory": {"limit": 67108864, "swap": 100663296, "reservation": 16777216},
  "cpu": {"shares": 512, "quota": 50000, "period": 200000, "burst": 10000, "cpus": "0", "mems": "0"},
  "pids": {"limit": 50}, "blockIO": {"weight": 500}, "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
  "unified": {"memory.high": "50331648", "cgroup.max.depth": "3"}}' 'sleep 600')
J
oci-runtime run -d -b /bundle all </dev/null >/tmp/all.log 2>&1; echo \"started: \$?\"; cat /tmp/all.log
$(knobs all memory.{max,swap.max,low,high,oom.group} cpu.{weight,max,max.burst} cpuset.{cpus,mems} pids.max hugetlb.2MB.max cgroup.max.depth)
cat /sys/fs/cgroup/clusteros/oci-all/io.bfq.weight /sys/fs/cgroup/clusteros/oci-all/io.weight | sed 's/^/weight: /'
echo updated
oci-runtime update --memory 100m --memory-swap -1 --cpu-quota 30000 --cpu-share 1024 --pids-limit -1 all; echo \"update: \$?\"
$(knobs all memory.{max,swap.max,low} cpu.{weight,max} pids.max)
oci-runtime update --memory-swap 101m all; $(knobs all memory.swap.max)
echo '{\"memory\": {\"limit\": 4096, \"checkBeforeUpdate\": true}}' | oci-runtime update -r - all; echo \"too low: \$?\"
oci-runtime update --cpuset-cpus 64 all; echo \"no such processor: \$?\"
oci-runtime events --stats all
oci-runtime pause all; oci-runtime state all | grep status; grep frozen /sys/fs/cgroup/clusteros/oci-all/cgroup.events
oci-runtime resume all; oci-runtime state all | grep status
oci-runtime delete -f all; ls -d /sys/fs/cgroup/clusteros/*/ 2>/dev/null
echo end")
  echo "$out"
  expect_match "$out" 'started: 0'
  for line in memory.max=67108864 memory.swap.max=33554432 memory.low=16777216 memory.high=50331648 memory.oom.group=1 \
    cpu.weight=59 'cpu.max=50000 200000' cpu.max.burst=10000 cpuset.cpus=0 cpuset.mems=0 pids.max=50 \
    hugetlb.2MB.max=4194304 cgroup.max.depth=3; do
    [[ ${out%%updated*} == *$'\n'"$line"$'\n'* ]] || fail "$line is not there"
  done
  expect_match "$out" 'weight: default (500|4950)'
  for line in 'update: 0' memory.max=104857600 memory.swap.max=max memory.low=16777216 cpu.weight=100 \
    'cpu.max=30000 200000' pids.max=max memory.swap.max=1048576; do
    [[ ${out#*updated} == *$'\n'"$line"$'\n'* ]] || fail "$line is not there after the update"
  done
  expect_match "$out" 'memory.max: [0-9]* bytes are in use already'
  expect_match "$out" 'too low: 1'
  expect_match "$out" 'no such processor: 1'
  expect_match "$out" '"type":"stats","id":"all".*"limit":104857600'
  expect_match "$out" '"paused"'
  expect_match "$out" 'frozen 1'
  expect_match "$out" '"running"'
  expect_match "$out" $'\nend'
}

test_pressure_out_of_memory_and_devices() {
  local out
  applet oci-runtime spec -b "$TMP"
  out=$(machine "
cat >/bundle/config.json <<'J'
$(limited '{"memory": {"limit": 268435456}, "unified": {"memory.high": "16777216"}}' 'dd if=/dev/zero of=/tmp/x bs=1M count=17; rm /tmp/x; grep high /sys/fs/cgroup/memory.events')
J
oci-runtime run -b /bundle high; echo \"high: \$?\"
cat >/bundle/config.json <<'J'
$(limited '{"memory": {"limit": 33554432, "swap": 33554432}}' 'while [ ! -e /go ]; do sleep 0.1; done; dd if=/dev/zero of=/tmp/x bs=100M count=1')
J
oci-runtime run -d -b /bundle oom </dev/null >/dev/null 2>&1
oci-runtime events --interval 1h oom >/events & events=\$!
until ls -l /proc/\$events/fd | grep -q inotify; do sleep 0.1; done
touch /bundle/rootfs/go; wait \$events; cat /events; oci-runtime delete -f oom
cat >/bundle/config.json <<'J'
$(limited '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "rm"}]}' 'id -u; mknod /k c 1 11; dd if=/k bs=1 count=0 && echo may read; echo x >/k; mknod /m c 1 1; dd if=/m bs=1 count=1; mknod /z c 1 5; dd if=/z bs=1 count=2 | wc -c; stat -c bound:%F /zero')
J
sed -i 's|\"linux\":{|\"linux\":{\"devices\":[{\"path\":\"/zero\",\"type\":\"c\",\"major\":1,\"minor\":5}],|' /bundle/config.json
sed -i 's/\"CAP_MKNOD\"/\"CAP_MKNOD\", \"CAP_SYS_RAWIO\", \"CAP_SYSLOG\"/g' /bundle/config.json
oci-runtime run -b /bundle devices 2>&1; echo \"devices: \$?\"
echo end")
  echo "$out"
  expect_match "$out" $'\nhigh [1-9]'
  expect_match "$out" 'high: 0'
  expect_match "$out" '"type":"oom","id":"oom"'
  expect_match "$out" 'may read'
  expect_match "$out" 'bound:character special file'
  expect_match "$out" "can't create /k: Operation not permitted"
  expect_match "$out" "/m': Operation not permitted"
  expect_match "$out" 'devices: 0'
  expect_match "$out" $'\nend'
}

run_tests "$@"
