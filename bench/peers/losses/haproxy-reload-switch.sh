#!/usr/bin/env bash
# Makes color $1 active: the address in the configuration is replaced, the master told to reload.
set -euo pipefail
blue={{blue}} green={{green}}
sed "s/server active .*/server active ${!1}/" {{work}}/haproxy-reload.conf >{{work}}/new
mv {{work}}/new {{work}}/haproxy-reload.conf
kill -USR2 "$(cat {{work}}/haproxy.pid)"
