#!/usr/bin/env bash
# Runs in the build, last: what the whole tree has to be like, and the count of its programs.
set -euo pipefail

# Nobody logs in as root.
sed -i 's/^root:[^:]*:/root:!*:/' "$BUILDROOT/etc/shadow"

# /var is a partition of its own; what a package put here would never be seen.
find "$BUILDROOT/var" -mindepth 1 -delete

# The kernel is in the UKI.
rm -f "$BUILDROOT"/boot/{System.map,config,initrd.img,vmlinuz}-*

find "$BUILDROOT/usr" -type f -perm /111 ! -name '*.so' ! -name '*.so.*' | wc -l >"$OUTPUTDIR/executables"
