#!/usr/bin/env bash
# How large what a user gets is: the binary, the disk image, and the packages in it. Needs ./dev image.
set -euo pipefail
cd "$(dirname "$0")/.."

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

[[ -x out/clusterctl ]] || { echo "no out/clusterctl: ./dev build makes it" >&2 && exit 1; }
echo "## Sizes"
echo
echo "| what | size | goal |"
echo "|---|---|---|"
echo "| binary, static and stripped | $(megabytes "$(stat -c %s out/clusterctl)") | ≤ 20 MB |"
image=$(ls -t out/clusteros_*.raw 2>/dev/null | head -n 1)
[[ $image ]] || { echo "no out/clusteros_*.raw: ./dev image makes it" >&2 && exit 1; }
echo "| disk image, as a file | $(megabytes "$(stat -c %s "$image")") | |"
echo "| disk image, blocks in use | $(megabytes "$(($(stat -c %b "$image") * 512))") | |"
echo "| disk image, zstd -3 (as a sparse tar) | $(megabytes "$(jq .compressed_size out/manifest.json)") | ≤ 150 MB |"
echo "| unified kernel image | $(megabytes "$(stat -c %s "${image%.raw}.efi")") | |"
echo "| packages, executables in the image | $(jq -r '"\(.packages | length), \(.executables)"' out/manifest.json) | |"
