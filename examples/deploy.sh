#!/usr/bin/env bash
# Deploys to one color: starts it, switches traffic to it, and stops the other one.
#
#   usage: deploy.sh blue|green
#
# START and STOP are commands that get the color as their only argument; by default they start
# and stop the systemd units app@blue and app@green. `teal` finds the running Teal by itself, or
# through TEAL_ADMIN and TEAL_TOKEN_FILE. WAIT is the time for the new color to become healthy.
set -euo pipefail

start() { if [[ -n ${START:-} ]]; then "$START" "$1"; else systemctl start "app@$1"; fi; }
stop() { if [[ -n ${STOP:-} ]]; then "$STOP" "$1"; else systemctl stop "app@$1"; fi; }

case "${1:-}" in
  blue) new=blue old=green ;;
  green) new=green old=blue ;;
  *)
    echo "usage: ${0##*/} blue|green" >&2
    exit 2
    ;;
esac

start "$new"

code=0
teal switch "$new" --wait-healthy "${WAIT:-60s}" || code=$?

case $code in
  0) # The old color is drained.
    stop "$old"
    ;;
  3) # Refused: nothing has changed, and the new color has received no traffic.
    echo "$new was refused, $old keeps serving" >&2
    stop "$new"
    ;;
  5) # Switched; requests that outlived the drain deadline were cut, and `teal receipt` lists them.
    stop "$old"
    ;;
  *) # The outcome is unknown, so nothing may be stopped.
    echo "teal switch exited with $code; both colors keep running, see: teal status" >&2
    ;;
esac
exit "$code"
