#!/usr/bin/env bash
# The SDK: a Debian tree with every tool that builds and tests ClusterOS, so that the host's own version never matters.
#
# It is made once, by mmdebstrap, from the list tools/sdk-packages, and kept in the cache folder under the hash of
# that list. A command runs in it so: a mount namespace of its own (the host sees none of it, and all of it is gone
# with the last process), the tree below an overlay whose upper layer is thrown away afterwards, and bound into it,
# at the path that they have on the host, the checkout and the cache folder; /tmp and /var/tmp are folders on disk of
# this run alone. The network is the host's.
#
#   tools/sdk.sh ensure     makes the SDK unless it is there
#   tools/sdk.sh run [--contained | --interactive] COMMAND…
#                           runs a command in it, in the checkout. --contained: in a pid namespace too, so no process can
#                           outlive it. --interactive: the command has the terminal, and Ctrl-C is its own affair.
#   tools/sdk.sh path       prints where it is
set -euo pipefail
. "$(dirname "$0")/common.sh"

SUITE=trixie
# Counts up when the way an SDK is made changes.
RECIPE=1
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

sdk_packages() { sed 's/#.*//' "$ROOT/tools/sdk-packages" | tr -s ' \n' '\n' | sed '/^$/d' | sort -u; }

sdk_path() {
  local hash
  hash=$({ echo "$SUITE $RECIPE"; sdk_packages; } | sha256sum | cut -c1-12)
  echo "$CACHE/sdk-$hash"
}

# --- making it ---------------------------------------------------------------------------------------------------

# The host's package sources, one line each: URI SUITE COMPONENTS. Both of apt's formats.
host_sources() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}//p' || true
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '
    function flush(  n, m, u, s, i, j) {
      if (types ~ /(^| )deb( |$)/ && enabled != "no") {
        n = split(uris, u); m = split(suites, s)
        for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print u[i], s[j], components
      }
      types = uris = suites = components = enabled = ""
    }
    /^#/ { next }
    /^[ \t]*$/ { flush(); next }
    { value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
    tolower($0) ~ /^types:/ { types = value }
    tolower($0) ~ /^uris:/ { uris = value }
    tolower($0) ~ /^suites:/ { suites = value }
    tolower($0) ~ /^components:/ { components = value }
    tolower($0) ~ /^enabled:/ { enabled = value }
    END { flush() }' || true
}

# first_mirror SUITE_REGEX: prints the URI of the host's first source of such a Debian suite. A mirror+file: URI, as
# cloud images have, stands for the first line of that file.
first_mirror() {
  local uri suite components
  while read -r uri suite components; do
    [[ $suite =~ ^($1)$ && " $components " == *" main "* ]] || continue
    if [[ $uri == mirror+file:* ]]; then
      uri=$(grep -m 1 -o '^[^#[:space:]]*' "/${uri#mirror+file:/}" 2>/dev/null || true)
    fi
    [[ ! $uri =~ ^https?:// ]] || { echo "$uri" && return; }
  done < <(host_sources)
}

# sdk_sources SUITE: the host's mirrors with another suite than its own. Nothing when the host is no Debian: then
# mmdebstrap uses its own default.
sdk_sources() {
  local suite=$1
  local releases='bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable' mirror security
  mirror=$(first_mirror "$releases")
  security=$(first_mirror "($releases)[-/](security|updates)" | grep security || true)
  [[ $security ]] || security=$(first_mirror "($releases)-security")
  [[ $mirror ]] || return 0
  echo "deb [signed-by=$KEYRING] $mirror $suite main"
  echo "deb [signed-by=$KEYRING] $mirror $suite-updates main"
  [[ ! $security ]] || echo "deb [signed-by=$KEYRING] $security $suite-security main"
}

# How the host's apt reaches its mirrors (a proxy, for example) holds for the SDK too.
host_apt_options() {
  apt-config dump 2>/dev/null |
    grep -E '^Acquire::(https?::[^"]*[Pp]roxy|Check-Valid-Until|Check-Date|Retries|ForceIPv[46])[^ ]* ".+";$' || true
}

require_mmdebstrap() {
  local -a missing=()
  [[ -x $(command -v mmdebstrap) ]] || missing+=(mmdebstrap)
  [[ -e $KEYRING ]] || missing+=(debian-archive-keyring)
  ((${#missing[@]} > 0)) || return 0
  [[ -x $(command -v apt-get) ]] ||
    die "the SDK is made with mmdebstrap, which is missing here: install ${missing[*]} and try again"
  run_logged "installing ${missing[*]}" "$LOGS/apt.log" bash -c 'apt-get install -y --no-install-recommends "$@" ||
    { apt-get update && apt-get install -y --no-install-recommends "$@"; }' apt "${missing[@]}" ||
    die "could not install ${missing[*]}: see the lines above; 'apt-get update && apt-get install ${missing[*]}' must work"
}

# How far mmdebstrap is: each package is fetched, unpacked and set up.
sdk_progress() {
  awk '/newly installed/ { total += $3 + $1 } /^Get:/ { done++ } /^(Unpacking|Setting up) / { done++ }
       END { if (total) printf "%d %% of %d packages", (done > 3 * total ? 100 : 100 * done / (3 * total)), total }' "$1"
}

# Trees and run folders whose maker is gone.
remove_stale() {
  local folder
  for folder in "$CACHE"/*.new-[0-9]* "$CACHE"/run/[0-9]*; do
    [[ -e $folder ]] || continue
    has_ended "${folder##*[-/]}" || continue
    rm -rf --one-file-system "$folder"
  done
}

sdk_ensure() {
  local sdk free
  sdk=$(sdk_path)
  [[ ! -d $sdk ]] || return 0
  mkdir -p "$CACHE" "$LOGS"
  exec 8>"$CACHE/sdk.lock"
  flock -n 8 || { say "waiting for another ./dev that makes the SDK" && flock 8; }
  remove_stale
  [[ ! -d $sdk ]] || return 0
  require_mmdebstrap
  free=$(df --output=avail -k "$CACHE" | tail -n 1)
  ((free > 4000000)) || die "the SDK needs 4 GB in $CACHE, where $((free / 1000)) MB are free; set CLUSTEROS_CACHE to another folder"
  new=$sdk.new-$$
  trap 'rm -rf --one-file-system "$new" "$new.list" 8>&-' EXIT
  sdk_sources "$SUITE" >"$new.list"
  local -a command=(mmdebstrap --variant=apt --verbose --include="$(sdk_packages | paste -sd,)")
  local option
  while read -r option; do command+=(--aptopt="$option"); done < <(host_apt_options)
  command+=("$SUITE" "$new")
  # Without sources of ours the default ones of mmdebstrap.
  [[ ! -s $new.list ]] || command+=("$new.list")
  PROGRESS=sdk_progress run_logged "making the SDK (once)" "$LOGS/sdk.log" "${command[@]}" 8>&- ||
    die "no SDK: check that the mirrors in /etc/apt offer $SUITE and that $CACHE is on a disk that allows device files and suid, then try again"
  mv -T "$new" "$sdk"
  rm -f "$new.list"
  trap - EXIT
  exec 8>&-
  say "SDK: $sdk ($(du -sm "$sdk" | cut -f1) MB, $(sdk_packages | wc -l) packages asked for)"
}

# --- running in it -----------------------------------------------------------------------------------------------

# The steps from the host's tree to the SDK's, in the new mount namespace; ends as the command. See unshare(1),
# pivot_root(8).
enter() {
  local sdk=$1 run=$2 new=$2/root folder
  shift 2
  mkdir -p "$new" "$run"/{upper,work,tmp,var-tmp,state}
  chmod 1777 "$run"/{tmp,var-tmp}
  # In a container on overlayfs there cannot be another one above: then straight on the tree.
  mount -t overlay -o "lowerdir=$sdk,upperdir=$run/upper,workdir=$run/work" sdk "$new" 2>/dev/null || mount --bind "$sdk" "$new"
  mount --bind "$run/tmp" "$new/tmp"
  mount --bind "$run/var-tmp" "$new/var/tmp"
  # The images of the container runtime: its overlays cannot be on ours.
  mkdir -p "$new/var/lib/clusteros"
  mount --bind "$run/state" "$new/var/lib/clusteros"
  mount -t proc proc "$new/proc"
  mount --rbind /sys "$new/sys"
  # Where the host has version 1 of cgroups beside version 2, ours is version 2 alone, as on a ClusterOS machine.
  [[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] || mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
  mount --rbind /dev "$new/dev"
  mount -t tmpfs -o mode=755 tmpfs "$new/run"
  for folder in "$ROOT" "$CACHE" "$(git_folder)"; do
    [[ $folder ]] || continue
    mkdir -p "$new$folder"
    mount --bind "$folder" "$new$folder"
  done
  rm -f "$new/etc/resolv.conf"
  cat /etc/resolv.conf >"$new/etc/resolv.conf" 2>/dev/null || true
  printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(uname -n)" >"$new/etc/hosts"
  cd "$new"
  pivot_root . .
  umount -l .
  cd "$ROOT"
  exec env -i TERM="${TERM:-dumb}" HOME=/root LANG=C.UTF-8 ${CI:+CI="$CI"} CLUSTEROS_SDK="$sdk" CLUSTEROS_CACHE="$CACHE" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CCACHE_DIR="$CACHE/ccache" CCACHE_MAXSIZE=2G \
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' "$@"
}

# The folder with the checkout's history when it is outside of it, as in a worktree.
git_folder() {
  local file=$ROOT/.git folder
  [[ -f $file ]] || return 0
  folder=$(sed -n 's/^gitdir: //p' "$file")
  folder=$(cd "$ROOT" && realpath -m "$folder")
  [[ $folder != "$ROOT"/* ]] || return 0
  echo "${folder%/worktrees/*}"
}

# The children of a process, from the kernel.
children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

sdk_run() {
  local -a namespaces=(--mount) command
  local pid status=0 mode=
  case ${1:-} in
    --contained)
      mode=contained
      namespaces+=(--pid --fork --kill-child=KILL)
      shift
      ;;
    --interactive)
      mode=interactive
      shift
      ;;
  esac
  (($# > 0)) || die "run: no command given"
  if [[ ${CLUSTEROS_SDK:-} ]]; then
    cd "$ROOT"
    exec "$@"
  fi
  sdk_ensure
  remove_stale
  run=$CACHE/run/$$
  mkdir -p "$run"
  trap 'rm -rf --one-file-system "$run"' EXIT
  # Descriptor 9 is the lock of ./dev: what goes on running (a machine) must not hold it.
  command=(unshare "${namespaces[@]}" "$ROOT/tools/sdk.sh" enter "$(sdk_path)" "$run" "$@")
  if [[ $mode == interactive ]]; then
    trap : INT
    "${command[@]}" 9>&- || status=$?
    return "$status"
  fi
  "${command[@]}" <&0 9>&- &
  pid=$!
  # Ctrl-C, or a TERM to this process: the command is told, and waited for, before the run's folder goes.
  trap 'sdk_stop "$pid" "$mode"' INT TERM HUP
  while :; do
    status=0
    wait "$pid" || status=$?
    ! has_ended "$pid" || break
  done
  return "$status"
}

sdk_stop() {
  local pid=$1 target=$1
  trap '' INT TERM HUP
  # unshare --fork keeps signals to itself; its child is the first process of the namespace.
  [[ $2 != contained ]] || target=$(children_of "$pid")
  # shellcheck disable=SC2086 # none, or one
  kill -TERM $target 2>/dev/null || true
  wait_for "$pid" 30 || kill -KILL "$pid" 2>/dev/null || true
}

case ${1:-} in
  ensure) sdk_ensure ;;
  path) sdk_path ;;
  packages) sdk_packages ;;
  sources) sdk_sources "${2:-$SUITE}" ;;
  apt-options) host_apt_options ;;
  run)
    shift
    sdk_run "$@"
    ;;
  enter)
    shift
    enter "$@"
    ;;
  *) refuse command "${1:-}" ensure run path packages sources apt-options ;;
esac
