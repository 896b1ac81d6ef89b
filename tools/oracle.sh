#!/usr/bin/env bash
# The oracle of the store's tests: the real etcd 3.4.23 and its etcdctl, as Debian bookworm has them. Fetched once from
# the machine's own mirror into the cache folder, unpacked and not installed. In the SDK and on the host alike.
#
#   tools/oracle.sh ensure   fetches it unless it is there
#   tools/oracle.sh path     prints the folder with etcd and etcdctl; exit 1 when it is not there
set -euo pipefail
. "$(dirname "$0")/common.sh"

SUITE=bookworm
VERSION=3.4.23
folder=$CACHE/etcd-$VERSION

oracle_ensure() {
  [[ ! -d $folder ]] || return 0
  [[ -x $(command -v mmdebstrap) ]] || die "etcd $VERSION is fetched with mmdebstrap, which is missing here: run it in the SDK (./dev shell tools/oracle.sh ensure)"
  mkdir -p "$CACHE"
  exec 7>"$CACHE/oracle.lock"
  flock 7
  # Whoever holds the lock knows that nobody else is at it: what is left is of one that was killed.
  rm -rf --one-file-system "$CACHE"/oracle.new.*
  [[ ! -d $folder ]] || return 0
  new=$(mktemp -d "$CACHE/oracle.new.XXXXXX")
  trap 'rm -rf --one-file-system "$new"' EXIT
  local -a command=(mmdebstrap --variant=extract "--include=etcd-server,etcd-client")
  local option
  while read -r option; do command+=(--aptopt="$option"); done < <("$ROOT/tools/sdk.sh" apt-options)
  "$ROOT/tools/sdk.sh" sources "$SUITE" >"$new/sources.list"
  command+=("$SUITE" "$new/tree")
  # Without sources of ours the default ones of mmdebstrap.
  [[ ! -s $new/sources.list ]] || command+=("$new/sources.list")
  run_logged "fetching etcd $VERSION (once)" "$LOGS/oracle.log" "${command[@]}" 7>&- ||
    die "no etcd $VERSION: check that the mirrors in /etc/apt offer $SUITE ($LOGS/oracle.log)"
  mkdir "$new/bin"
  mv "$new"/tree/usr/bin/{etcd,etcdctl} "$new/bin"
  [[ $("$new/bin/etcd" --version) == "etcd Version: $VERSION"* ]] ||
    die "$SUITE has another etcd than $VERSION: $("$new/bin/etcd" --version | head -n 1)"
  mv -T "$new/bin" "$folder"
}

case ${1:-} in
  ensure) oracle_ensure ;;
  path)
    [[ -d $folder ]] || die "no etcd $VERSION in $CACHE: tools/oracle.sh ensure fetches it"
    say "$folder"
    ;;
  *) refuse command "${1:-}" ensure path ;;
esac
