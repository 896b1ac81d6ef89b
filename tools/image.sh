#!/usr/bin/env bash
# Builds the disk image with mkosi (mkosi.conf): out/clusteros_<version>.raw, .efi and out/manifest.json. Runs in the SDK.
# Nothing is built when nothing changed: a hash of all that goes in is kept beside the result.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev image [--force] [--binary FILE]

Builds the binary and, of it, the disk image:

  out/clusteros_<version>.raw   the disk: ESP, slot A, its hash tree (sparse)
  out/clusteros_<version>.efi   its unified kernel image
  out/manifest.json             version, files with sha256 and size, packages

  --force         build even if nothing changed, and the packages anew
  --binary FILE   take this binary and build none
END
}

version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=clusteros_$version
work=out/image
log=$work/build.log

# mkosi adds package sources of its own, which a user's mirror may lack, unless it finds this file: the SDK's own sources
# in apt's other format.
write_sources() {
  local to=mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources
  mkdir -p "${to%/*}"
  {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null || true
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk '
      $1 != "deb" { next }
      {
        key = ""
        if (match($0, /\[[^]]*\]/)) {
          options = substr($0, RSTART + 1, RLENGTH - 2)
          $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
          if (match(options, /signed-by=[^ ]+/)) key = substr(options, RSTART + 10, RLENGTH - 10)
        }
        printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:", $2, $3
        for (i = 4; i <= NF; i++) printf " %s", $i
        print ""
        if (key != "") print "Signed-By: " key
        print ""
      }' || true
  } >"$to.new"
  if cmp -s "$to.new" "$to"; then rm "$to.new"; else mv "$to.new" "$to"; fi
}

# Everything that the image is made of: its definitions, the binary, and the tools that make it.
input_hash() {
  {
    find mkosi.conf mkosi.images image mkosi.sandbox tools/image.sh -type f ! -name '*.md' -print0 | sort -z | xargs -0 sha256sum
    find image mkosi.images \( -type l -printf '%p -> %l\n' \) -o \( -type f -printf '%p %m\n' \) | sort
    sha256sum <"$binary"
    mkosi --version
    echo "$version"
  } | sha256sum | cut -d' ' -f1
}

# The binary under all its names, its man pages and its completion, as they land in the image.
stage_binary() {
  local stage=$work/stage applet
  rm -rf "$stage"
  mkdir -p "$stage/usr/bin" "$stage/usr/share/man" "$stage/usr/share/bash-completion/completions"
  install -m 755 "$binary" "$stage/usr/bin/clusterctl"
  for applet in $("$binary" --list); do
    [[ $applet == clusterctl ]] || ln -s clusterctl "$stage/usr/bin/$applet"
  done
  "$binary" generate man "$stage/usr/share/man" >/dev/null
  find "$stage/usr/share/man" -type f -exec gzip -9n {} +
  "$binary" generate completion >"$stage/usr/share/bash-completion/completions/clusterctl"
  find "$stage" -exec touch -h -d @0 {} +
}

run_mkosi() {
  local packages=$CACHE/mkosi/packages trees=$CACHE/mkosi/trees
  mkdir -p "$packages" "$trees" "$work/tmp"
  # What an interrupted build left.
  rm -rf --one-file-system "$work"/tmp/*
  mkosi --force ${force:+--force} --image-version="$version" --extra-tree="$ROOT/$work/stage:/" \
    --cache-directory="$trees" --package-cache-dir="$packages" --workspace-directory="$ROOT/$work/tmp" build
}

# mkosi's own headlines.
mkosi_progress() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -E '^‣ ' | tail -n 1 | sed 's/^‣ *//; s#/[^ ]*/##g' | cut -c1-70 || true
}

# Hands the results over, and describes them. A machine may run on the old disk: files are replaced, never written to.
publish() {
  local file files=()
  rm -f out/clusteros_*.raw out/clusteros_*.efi
  mv "$work/$name.raw" "out/$name.raw"
  mv "$work/$name.efi" "out/$name.efi"
  # By way of a sparse archive: the holes need not be read.
  tar --create --sparse --directory out "$name.raw" | zstd -q -T0 -3 --long=27 | wc -c >"$work/compressed"
  for file in "out/$name.raw" "out/$name.efi"; do
    files+=("$(jq -n --arg name "${file##*/}" --arg sha256 "$(openssl dgst -sha256 -r "$file" | cut -d' ' -f1)" \
      --argjson size "$(stat -c %s "$file")" --argjson on_disk $(($(stat -c '%b * %B' "$file"))) \
      '{name: $name, sha256: $sha256, size: $size, size_on_disk: $on_disk}')")
  done
  jq -n --arg version "$version" --arg binary "$(sha256sum <"$binary" | cut -d' ' -f1)" \
    --argjson compressed "$(<"$work/compressed")" --argjson executables "$(<"$work/executables")" \
    --slurpfile mkosi "$work/$name.manifest" '{
      version: $version, binary_sha256: $binary, compressed_size: $compressed, executables: $executables,
      files: $ARGS.positional, packages: [$mkosi[0].packages[] | {name, version, architecture}]
    }' --jsonargs "${files[@]}" >out/manifest.json.new
  mv out/manifest.json.new out/manifest.json
}

summary() {
  jq -r --arg raw "$name.raw" 'def mb: . / 1e5 | round / 10 | "\(.) MB";
    "out/\($raw): \(.files[0].size_on_disk | mb) on disk, \(.compressed_size | mb) compressed (zstd -3), " +
    "\(.packages | length) packages, \(.executables) executables"' out/manifest.json
}

main() {
  force='' binary=''
  while (($# > 0)); do
    case $1 in
      --force) force=1 ;;
      --binary) binary=$(option_value "$@"); shift ;;
      --binary=*) binary=${1#*=} ;;
      --help | -h) usage && exit 0 ;;
      *) refuse "option of image" "$1" --force --binary --help ;;
    esac
    shift
  done
  if [[ ! $binary ]]; then
    tools/build.sh
    binary=out/clusterctl
  fi
  [[ -x $binary ]] || die "no program at $binary"

  mkdir -p "$work"
  write_sources
  local hash
  hash=$(input_hash)
  if [[ ! $force && -f out/$name.raw && -f out/$name.efi && -f out/manifest.json ]] &&
    [[ $(cat "$work/inputs" 2>/dev/null) == "$hash" ]]; then
    say "image: nothing changed"
  else
    rm -f "$work/inputs"
    stage_binary
    PROGRESS=mkosi_progress run_logged "building the image" "$log" run_mkosi
    run_logged "measuring the image" "$work/publish.log" publish
    echo "$hash" >"$work/inputs"
  fi
  summary
}

main "$@"
