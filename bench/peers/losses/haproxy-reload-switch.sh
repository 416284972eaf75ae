#!/usr/bin/env bash
# Makes color $1 active: replaces the address in the configuration and reloads the master.
set -euo pipefail
blue={{blue}} green={{green}}
sed "s/server active .*/server active ${!1}/" {{work}}/haproxy-reload.conf >{{work}}/new
mv {{work}}/new {{work}}/haproxy-reload.conf
kill -USR2 "$(cat {{work}}/haproxy.pid)"
