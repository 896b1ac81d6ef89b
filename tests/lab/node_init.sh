#!/bin/sh
# The first program of a light node, as its process 1: waits until the lab has plugged in the node's end of its network cable, and
# becomes systemd. lab.sh puts it into the node as /lab-init.
read -r _ </lab-plugged
exec /usr/lib/systemd/systemd --system --show-status=no --log-target=journal-or-kmsg
