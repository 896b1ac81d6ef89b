# What the steps behind ./dev share: messages, refusing wrong usage, and running something long with progress.
# Sourced, after `set -euo pipefail`. On the host and in the SDK alike.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=$(realpath -m "${CLUSTEROS_CACHE:-${HOME:-/root}/.cache/clusteros}")
LOGS=$ROOT/out/log

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }

# die MESSAGE: one line that says what, where and what to do; exit 1.
die() {
  warn "${0##*/}: $*"
  exit 1
}

# nearest WORD CANDIDATE…: prints the candidate that takes the fewest edits, if it is at most 2 (Levenshtein).
nearest() {
  printf '%s\n' "$@" | awk '
    function least(a, b, c) { if (b < a) a = b; return c < a ? c : a }
    NR == 1 { word = $0; next }
    {
      m = length(word); n = length($0)
      for (j = 0; j <= n; j++) d[0, j] = j
      for (i = 1; i <= m; i++) {
        d[i, 0] = i
        for (j = 1; j <= n; j++)
          d[i, j] = least(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (substr(word, i, 1) != substr($0, j, 1)))
      }
      if (d[m, n] <= 2 && (best == "" || d[m, n] < least_edits)) { best = $0; least_edits = d[m, n] }
    }
    END { print best }'
}

# refuse WHAT WORD ALLOWED…: a wrong word on the command line; exit 2.
refuse() {
  local what=$1 word=$2 close
  shift 2
  close=$(nearest "$word" "$@")
  warn "${0##*/}: unknown $what '$word' (${close:+did you mean '$close'? }allowed: $*)"
  exit 2
}

# option_value OPTION [VALUE]: prints the value, or refuses its absence; exit 2.
option_value() {
  (($# > 1)) || { warn "${0##*/}: option '$1' needs a value" && exit 2; }
  printf '%s' "$2"
}

# duration SECONDS: "42 s" or "3 min 20 s".
duration() {
  if (($1 < 100)); then say "$1 s"; else say "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# The progress of something that writes a log: its last line, which for ninja is "[12/340] …".
last_line() { tail -c 2000 "$1" 2>/dev/null | tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g' | grep -v '^ *$' | tail -n 1 | cut -c1-70 || true; }

# run_logged TITLE LOG COMMAND…: runs it with its output in LOG, and shows that it lives: on a terminal a line that
# changes every second, else one every 30 s. At the end how long it took; after a failure the end of the log. Returns
# the command's exit status. PROGRESS names a function that prints how far, given the log; default last_line.
run_logged() {
  local title=$1 log=$2 begin=$SECONDS status=0 tick=30
  shift 2
  mkdir -p "$(dirname "$log")"
  "$@" </dev/null >"$log" 2>&1 &
  local pid=$!
  if [[ -t 1 ]]; then tick=1; else say "$title …"; fi
  while kill -0 "$pid" 2>/dev/null; do
    # Woken by the end of the command, or by the tick.
    wait_for "$pid" "$tick" && break
    if [[ -t 1 ]]; then
      printf '\r\033[K%s … %s  %s' "$title" "$(duration $((SECONDS - begin)))" "$("${PROGRESS:-last_line}" "$log")"
    else
      say "  $title, $(duration $((SECONDS - begin))): $("${PROGRESS:-last_line}" "$log")"
    fi
  done
  wait "$pid" || status=$?
  [[ ! -t 1 ]] || printf '\r\033[K'
  if ((status == 0)); then
    say "$title: $(duration $((SECONDS - begin)))"
  else
    warn "$title: failed with exit code $status after $(duration $((SECONDS - begin))); the end of $log:"
    # Without ninja's lines about what went well.
    grep -avE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 40 | cut -c1-400 | sed 's/^/  | /' >&2 || true
  fi
  return "$status"
}

# wait_for PID SECONDS: true when the child has ended within the time. Its exit status stays to be waited for.
wait_for() {
  local i
  for ((i = 0; i < $2 * 10; i++)); do
    ! has_ended "$1" || return 0
    sleep 0.1
  done
  return 1
}

# True when the process is gone or a zombie that waits for its parent.
has_ended() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  stat=${stat##*) }
  [[ ${stat:0:1} == Z ]]
}

# Ctrl-C and its relatives: the children are told to end, and waited for, before this shell ends.
end_children() {
  local pid
  trap '' INT TERM HUP
  for pid in $(jobs -p); do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $(jobs -p); do
    wait_for "$pid" 20 || kill -KILL "$pid" 2>/dev/null || true
  done
}
on_signal() {
  end_children
  warn "interrupted"
  exit $((128 + $1))
}
trap 'on_signal 2' INT
trap 'on_signal 15' TERM
trap 'on_signal 1' HUP
