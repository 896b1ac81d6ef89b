#!/usr/bin/env bash
# The cost of starting a container: `container run` of /bin/true beside crun with the same image, in one run. Times of
# a machine say little; the ratio is the figure.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$PWD/out/clusterctl
runs=${RUNS:-20}

[[ -x $binary ]] || { echo "no out/clusterctl: ./dev build makes it" >&2 && exit 1; }
work=$(mktemp -d)
registry=
clean_up() {
  [[ ! $registry ]] || kill "$registry" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# An image of busybox alone, as an OCI layout, and unpacked as a bundle for crun.
make_image() {
  local root=$work/rootfs command
  mkdir -p "$root"/{bin,etc,proc,sys,dev,tmp}
  cp /bin/busybox "$root/bin/busybox"
  for command in sh true cat; do ln -s busybox "$root/bin/$command"; done
  echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
  umoci init --layout "$work/layout" >/dev/null
  umoci new --image "$work/layout:busybox" >/dev/null
  umoci insert --image "$work/layout:busybox" "$root" / >/dev/null
  umoci config --image "$work/layout:busybox" --config.cmd /bin/true >/dev/null
  umoci unpack --image "$work/layout:busybox" "$work/bundle" >/dev/null
  # What podman would ask of crun: no terminal, the same command.
  jq '.process.terminal = false | .process.args = ["/bin/true"]' "$work/bundle/config.json" >"$work/config.json"
  mv "$work/config.json" "$work/bundle/config.json"
}

start_registry() {
  local port=$((20000 + RANDOM % 10000))
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\nlog: {level: error}\n' \
    "$work/registry" "$port" >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  registry=$!
  reference=127.0.0.1:$port/busybox:latest
  for _ in {1..100}; do
    ! curl -sf "http://127.0.0.1:$port/v2/" >/dev/null || break
    sleep 0.1
  done
  skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$work/layout:busybox" "docker://$reference"
}

make_image
start_registry
"$binary" container fetch "$reference" >&2
# Once before measuring, so that an error is seen as what it is.
"$binary" container run --rm "$reference" /bin/true >&2
crun run --bundle "$work/bundle" "bench-$$" >&2
hyperfine --shell=none --warmup 3 --runs "$runs" --export-json "$work/figures.json" \
  --command-name container "$binary container run --rm $reference /bin/true" \
  --command-name crun "crun run --bundle $work/bundle bench-$$" >&2
"$binary" container images rm "$reference" >/dev/null 2>&1 || true

echo "## Starting a container"
echo
echo "/bin/true in a busybox image, started, waited for and removed; median of $runs runs, side by side."
echo
echo "| | median | worst | ratio |"
echo "|---|---|---|---|"
jq -r '(.results[] | select(.command == "crun") | .median) as $crun | .results[] |
  "| \(.command) | \(.median * 10000 | round / 10) ms | \(.max * 10000 | round / 10) ms | \(.median / $crun * 100 | round / 100) |"' \
  "$work/figures.json"
