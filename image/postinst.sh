#!/usr/bin/env bash
# Runs in the build, after packages and our files are in $BUILDROOT and before users and presets are set.
set -euo pipefail

# /home and /root live on /var; the root file system never changes.
for pair in home:var/home root:var/roothome; do
  directory=$BUILDROOT/${pair%%:*}
  rm -rf "$directory"
  ln -s "${pair#*:}" "$directory"
done

# Every machine makes its own.
rm -f "$BUILDROOT"/etc/ssh/ssh_host_*
ln -sfn ../run/systemd/resolve/stub-resolv.conf "$BUILDROOT/etc/resolv.conf"

# The machine's own name first: it never depends on resolved.
sed -i 's/^hosts:.*/hosts:          files myhostname resolve [!UNAVAIL=return] dns/' "$BUILDROOT/etc/nsswitch.conf"

# What the loader's menu and hostnamectl show.
sed -i "s/^PRETTY_NAME=.*/PRETTY_NAME=\"ClusterOS $IMAGE_VERSION (Debian GNU\/Linux 13)\"/" "$BUILDROOT/usr/lib/os-release"
ln -sfn multi-user.target "$BUILDROOT/usr/lib/systemd/system/default.target"
