#!/usr/bin/env bash
# Deploys to one color: starts it, moves traffic to it, stops the other one.
#
#   usage: deploy.sh blue|green
#
# START and STOP are commands that get the color as their only argument; by default they are
# the units app@blue and app@green of systemd. `teal` finds the running Teal by itself, or by
# TEAL_ADMIN and TEAL_TOKEN_FILE. WAIT is how long the new color may take to become healthy.
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
  0) # Nobody is on the old color any more.
    stop "$old"
    ;;
  3) # Refused: nothing has changed, and nobody has ever been on the new color.
    echo "$new was refused, $old goes on serving" >&2
    stop "$new"
    ;;
  5) # Switched; what outlived the drain deadline was cut and is listed by `teal receipt`.
    stop "$old"
    ;;
  *) # It is not known how far it got, so nothing may be stopped.
    echo "teal switch ended with $code; both colors keep running, see: teal status" >&2
    ;;
esac
exit "$code"
