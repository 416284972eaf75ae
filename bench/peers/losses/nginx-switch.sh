#!/usr/bin/env bash
# Makes color $1 active; with a second argument waits that many seconds before it returns.
set -euo pipefail
blue={{blue}} green={{green}}
printf 'upstream app { server %s; keepalive 64; }\n' "${!1}" >{{work}}/upstream.new
mv {{work}}/upstream.new {{work}}/upstream.conf
nginx -c {{work}}/nginx.conf -p {{work}} -s reload
sleep "${2:-0}"
