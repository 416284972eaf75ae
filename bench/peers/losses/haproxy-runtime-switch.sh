#!/usr/bin/env bash
# Makes color $1 ready and drains the other one; finishes when that has no session left.
set -euo pipefail
to=$1
old=$([[ $to == blue ]] && echo green || echo blue)
ask() {
  exec 3<>/dev/tcp/127.0.0.1/{{control}}
  echo "$1" >&3
  cat <&3
  exec 3>&-
}
ask "set server app/$to state ready" >/dev/null
ask "set server app/$old state drain" >/dev/null
for _ in {1..300}; do
  # The fifth column of the statistics is the number of current sessions.
  [[ $(ask 'show stat' | awk -F, -v name="$old" '$1 == "app" && $2 == name { print $5 }') == 0 ]] && exit 0
  sleep 0.1
done
echo "$old still has sessions" >&2
exit 1
