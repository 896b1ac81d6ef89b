#!/usr/bin/env bash
# The store beside etcd 3.4.23 and 3.5: the same requests by the same load generators, to each in turn, on this machine,
# every write on the disk (fsync) before it is answered. Prints a table of medians, and kvd's ratio to etcd 3.4.23.
#
#   bench/kv.sh [--quick] [--members N] [--only FIGURE]…
#
#   --quick       three runs of one second, 100,000 keys; otherwise five of three seconds, 1,000,000 keys
#   --members N   so many members of each (1; 3): the load goes to the leader
#   --only FIGURE these alone: put get hey memory watch start
set -euo pipefail
cd "$(dirname "$0")/.."

runs=5 seconds=3 keys=1000000 members=1 quick=
figures=()
while (($# > 0)); do
  case $1 in
    --quick) quick=yes runs=3 seconds=1 keys=100000 ;;
    --members) members=$2 && shift ;;
    --only) figures+=("$2") && shift ;;
    *) echo "kv.sh: unknown option '$1' (allowed: --quick, --members N, --only put|get|hey|memory|watch|start)" >&2 && exit 2 ;;
  esac
  shift
done
[[ $members == [135] ]] || { echo "kv.sh: --members '$members': 1, 3 or 5" >&2 && exit 2; }
((${#figures[@]} > 0)) || figures=(put get hey memory watch start)

binary=$PWD/out/clusterctl
load=$PWD/out/release/kv_load
etcd35=${ETCD35:-$(command -v etcd || true)}
[[ -x $binary ]] || { echo "no out/clusterctl: ./dev build makes it" >&2 && exit 1; }
for tool in wrk hey; do [[ -x $(command -v "$tool") ]] || { echo "$tool is missing: the SDK has it" >&2 && exit 1; }; done
ninja -C out/release kv_load >&2
tools/oracle.sh ensure >&2
declare -A program=([etcd34]=$(tools/oracle.sh path)/etcd [kvd]=$binary) title=([kvd]=kvd)
title[etcd34]="etcd $("${program[etcd34]}" --version | sed -n 's/^etcd Version: //p')"
servers=(etcd34)
if [[ $etcd35 ]]; then
  program[etcd35]=$etcd35
  title[etcd35]="etcd $("$etcd35" --version | sed -n 's/^etcd Version: //p')"
  servers+=(etcd35)
else
  echo "etcd 3.5 is left out: it is not installed (the SDK has it)" >&2
fi
servers+=(kvd)

# On the disk of the checkout: /tmp may be memory.
mkdir -p out/bench
work=$(mktemp -d "$PWD/out/bench/kv.XXXXXX")
declare -A pids=() port=()
clean_up() {
  local pid
  local -a all
  read -ra all <<<"${pids[*]}"
  for pid in "${all[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${all[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# --- the servers -------------------------------------------------------------------------------------------------

# start SERVER: all its members; sets port[SERVER], the leader's, and pids[SERVER]. With the data that is there already.
start() {
  local server=$1 first i cluster='' name
  first=$((20000 + 1000 * ${#port[@]} + SRANDOM % 900))
  ports_of=()
  for ((i = 0; i < members; i++)); do cluster+=${cluster:+,}m$i=http://127.0.0.1:$((first + 10 + i)); done
  pids[$server]=''
  for ((i = 0; i < members; i++)); do
    name=m$i
    local -a options=(--name "$name" --data-dir "$work/$server-$i" --listen-client-urls "http://127.0.0.1:$((first + i))"
      --advertise-client-urls "http://127.0.0.1:$((first + i))")
    # What a kvd alone needs not.
    if [[ $server != kvd ]] || ((members > 1)); then
      options+=(--listen-peer-urls "http://127.0.0.1:$((first + 10 + i))"
        --initial-advertise-peer-urls "http://127.0.0.1:$((first + 10 + i))" --initial-cluster "$cluster")
    fi
    if [[ $server == kvd ]]; then
      set -- kvd "${options[@]}"
    else
      set -- --enable-v2 --log-level error "${options[@]}"
    fi
    "${program[$server]}" "$@" </dev/null >>"$work/$server-$i.log" 2>&1 &
    pids[$server]+="$! "
    ports_of+=($((first + i)))
  done
  port[$server]=
  local deadline=$((SECONDS + 600))
  until find_leader "$server"; do
    kill -0 "${pids[$server]%% *}" 2>/dev/null || { echo "$server ended: $(tail -n 3 "$work/$server-0.log")" >&2 && exit 1; }
    ((SECONDS < deadline)) || { echo "$server does not start" >&2 && exit 1; }
    sleep 0.005
  done
}

find_leader() {
  local one
  for one in "${ports_of[@]}"; do
    [[ $(curl -s "http://127.0.0.1:$one/v2/stats/self") == *'"state":"StateLeader"'* ]] || continue
    curl -sf "http://127.0.0.1:$one/v2/keys/?quorum=true" -o "$work/ready" || continue
    port[$1]=$one
    return 0
  done
  return 1
}

stop() {
  local pid
  # shellcheck disable=SC2086 # pids
  kill ${pids[$1]}
  for pid in ${pids[$1]}; do wait "$pid" || true; done
  pids[$1]=''
}

forget() { rm -rf --one-file-system "$work/$1"-[0-9]; }

# memory SERVER FIELD: of its members together, in MB: VmRSS now, VmHWM at most.
memory() {
  local pid
  for pid in ${pids[$1]}; do sed -n "s/^$2:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$pid/status"; done |
    awk '{ sum += $1 } END { printf "%.1f\n", sum / 1000 }'
}

# --- measuring ---------------------------------------------------------------------------------------------------

note() { echo "$1 $2 $3" >>"$work/results"; }

# load FIGURE SERVER CONNECTIONS TARGET [WRK-OPTION…]: requests a second, and the 99th percentile in ms.
load() {
  local figure=$1 server=$2 connections=$3 target=$4
  wrk -t1 "-c$connections" "-d${seconds}s" --latency "${@:5}" "http://127.0.0.1:${port[$server]}$target" >"$work/wrk"
  ! grep -qE 'Non-2xx|Socket errors' "$work/wrk" || { cat "$work/wrk" >&2 && exit 1; }
  note "$figure" "$server" "$(sed -n 's/^Requests\/sec: *//p' "$work/wrk")"
  note "$figure-p99" "$server" "$(awk '$1 == "99%" { value = $2 + 0; if ($2 ~ /[0-9]s$/) value *= 1000; if ($2 ~ /us$/) value /= 1000; print value }' "$work/wrk")"
  echo "$figure ${title[$server]}: $(tail -n 2 "$work/results" | awk '{ printf "%s  ", $3 }')" >&2
}

# load_by_hey FIGURE SERVER HEY-OPTION…: the same by another generator, which writes one key again and again.
load_by_hey() {
  local figure=$1 server=$2
  hey -z "${seconds}s" -c 64 "${@:3}" "http://127.0.0.1:${port[$server]}/v2/keys/read" >"$work/hey"
  # Nothing but the answers that are wanted: their distribution has one line.
  [[ $(sed -n '/Status code distribution/,/^$/p' "$work/hey") =~ ^[^[]*\[20[01]\][^[]*$ && $(cat "$work/hey") != *'Error distribution'* ]] || { cat "$work/hey" >&2 && exit 1; }
  note "$figure" "$server" "$(sed -n 's/^ *Requests\/sec:[ \t]*//p' "$work/hey")"
  echo "$figure ${title[$server]}: $(tail -n 1 "$work/results")" >&2
}

wants() { [[ " ${figures[*]} " == *" $1 "* ]]; }

measure_load() {
  local server run
  for server in "${servers[@]}"; do
    start "$server"
    note empty "$server" "$(memory "$server" VmRSS)"
    curl -sf "http://127.0.0.1:${port[$server]}/v2/keys/read" -XPUT -d value="a value as long as an address" -o "$work/out"
  done
  for ((run = 0; run < runs; run++)); do
    for server in "${servers[@]}"; do
      if wants put; then
        for connections in 1 64 256; do load "put$connections" "$server" "$connections" /v2/keys/ -s bench/kv_put.lua; done
      fi
      if wants get; then
        load get "$server" 64 /v2/keys/read
        load quorum "$server" 64 '/v2/keys/read?quorum=true'
      fi
      if wants hey; then
        load_by_hey hey-put "$server" -m PUT -T application/x-www-form-urlencoded -d value=an-address
        load_by_hey hey-get "$server"
      fi
    done
  done
  for server in "${servers[@]}"; do
    ! wants put || note loaded "$server" "$(memory "$server" VmHWM)"
    stop "$server"
    forget "$server"
  done
}

measure_watches() {
  local server run before holder
  for server in "${servers[@]}"; do
    start "$server"
    before=$(memory "$server" VmRSS)
    mkfifo "$work/hold" "$work/held"
    "$load" idle "${port[$server]}" 10000 <"$work/hold" >"$work/held" &
    holder=$!
    exec 5>"$work/hold"
    read -r _ <"$work/held"
    note idle "$server" "$(awk -v a="$(memory "$server" VmRSS)" -v b="$before" 'BEGIN { print a - b }')"
    exec 5>&-
    wait "$holder"
    rm "$work/hold" "$work/held"
    for ((run = 0; run < runs; run++)); do note notify "$server" "$("$load" notify "${port[$server]}" 1000 "$([[ $quick ]] && echo 10 || echo 30)")"; done
    stop "$server"
    forget "$server"
  done
}

measure_start() {
  local server run begin
  for server in "${servers[@]}"; do
    start "$server"
    "$load" fill "${port[$server]}" "$keys"
    for ((run = 0; run < (runs < 3 ? runs : 3); run++)); do
      stop "$server"
      begin=${EPOCHREALTIME/./}
      start "$server"
      curl -sf "http://127.0.0.1:${port[$server]}/v2/keys/fill/0/0" -o "$work/out"
      note start "$server" "$(((${EPOCHREALTIME/./} - begin) / 1000))"
      echo "start ${title[$server]}: $(tail -n 1 "$work/results")" >&2
    done
    note keys "$server" "$(memory "$server" VmRSS)"
    stop "$server"
    forget "$server"
  done
}

# --- the table ---------------------------------------------------------------------------------------------------

median() { awk -v figure="$1" -v server="$2" '$1 == figure && $2 == server { print $3 }' "$work/results" | sort -n | awk '{ a[NR] = $1 } END { if (NR) print a[int((NR + 1) / 2)] }'; }

# row FIGURE TITLE UNIT GOAL: GOAL is "≥N" or "≤N" times etcd 3.4.23, or "<N" in the unit.
row() {
  local server value base ours
  base=$(median "$1" etcd34)
  ours=$(median "$1" kvd)
  [[ $base && $ours ]] || return 0
  printf '| %s |' "$2"
  for server in "${servers[@]}"; do
    value=$(median "$1" "$server")
    printf ' %s |' "$(awk -v v="$value" -v unit="$3" 'BEGIN { printf((v >= 100 ? "%.0f %s" : v >= 10 ? "%.1f %s" : "%.2f %s"), v, unit) }')"
  done
  awk -v a="$ours" -v b="$base" -v goal="$4" 'BEGIN {
    ratio = b > 0 ? a / b : 0; number = substr(goal, match(goal, /[0-9.]+/)) + 0
    met = goal ~ /^≥/ ? ratio >= number : goal ~ /^≤/ ? ratio <= number : a <= number
    printf " %.2f | %s | %s |\n", ratio, goal, met ? "yes" : "no" }'
}

: >"$work/results"
if wants put || wants get || wants hey || wants memory; then measure_load; fi
if wants watch; then measure_watches; fi
if wants start; then measure_start; fi

echo "## The store beside etcd"
echo
echo "$members member(s), medians of $runs runs of $seconds s, the load generator on the same machine; requests a second, but where a unit is given."
echo
echo "|  |$(for server in "${servers[@]}"; do printf ' %s |' "${title[$server]}"; done) kvd : etcd 3.4 | goal | met |"
echo "|---|$(for server in "${servers[@]}"; do printf -- '---|'; done)---|---|---|"
row put1 'PUT, 1 client' '' '≥2'
row put64 'PUT, 64 clients' '' '≥2'
row put64-p99 'PUT, 64 clients, 99th percentile' ms '≤0.5'
row put256 'PUT, 256 clients' '' '≥2'
row get 'GET, 64 clients' '' '≥2'
row quorum 'quorum GET, 64 clients' '' '≥2'
row hey-put 'PUT of one key, 64 clients, by hey' '' '≥2'
row hey-get 'GET, 64 clients, by hey' '' '≥2'
row empty 'memory, empty' MB "<$((20 * members))"
row loaded 'memory under that load, at most' MB '≤0.6'
row idle 'memory for 10,000 idle watches' MB '<40'
row notify 'one write to 1,000 watchers, until the last has it' ms '≤0.5'
row start "start with $keys keys" ms '≤0.5'
row keys "memory with $keys keys" MB '≤0.6'
