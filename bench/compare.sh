#!/usr/bin/env bash
# CPU per proxied request of Teal, HAProxy and nginx, side by side: 64-byte answers over 64
# keep-alive connections. Each proxy is pinned to core 0 with one worker, backend and load to
# core 1; rounds are interleaved, so that what the machine does meanwhile meets all three alike.
#
# Usage: bench/compare.sh [ROUNDS] [SECONDS] [CONNECTIONS]
# Needs nginx, haproxy and wrk (Debian: apt-get install nginx-light haproxy wrk) and two cores.
# Everything stays on loopback and ends with this script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-9} seconds=${2:-3} connections=${3:-64}
cargo build --quiet --release --package teal
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

cat >"$work/backend.conf" <<CONF
worker_processes 1; daemon off; pid $work/backend.pid; error_log $work/backend.err;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  server { listen 127.0.0.1:19001 backlog=4096; location / {
    default_type text/plain;
    return 200 "0123456789012345678901234567890123456789012345678901234567890123"; } }
}
CONF
# Both peers as their documentation recommends for a reverse proxy: kept connections to the
# backend, the client's address passed on, no access log.
cat >"$work/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;
  upstream backend { server 127.0.0.1:19001; keepalive 1024; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:19101 backlog=4096; location / {
    proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-For \$remote_addr;
    proxy_set_header X-Forwarded-Proto \$scheme; } }
}
CONF
cat >"$work/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend clients
  bind 127.0.0.1:19102
  http-request set-header X-Forwarded-Proto http
  default_backend targets
backend targets
  server one 127.0.0.1:19001 pool-max-conn 1024
CONF
cat >"$work/teal.toml" <<CONF
state_dir = "$work/state"
workers = 1
[admin]
listen = "127.0.0.1:0"
[[listener]]
address = "127.0.0.1:19103"
[[service]]
name = "web"
blue = { targets = ["http://127.0.0.1:19001"] }
green = { targets = ["http://127.0.0.1:19002"] }
CONF

start() { # core, then the command; its process id in $started
  taskset -c "$1" "${@:2}" >"$work/log.$1.$(basename "$2")" 2>&1 &
  started=$!
  pids+=("$started")
}
start 1 nginx -c "$work/backend.conf"
start 0 nginx -c "$work/nginx.conf"; nginx=$started
start 0 haproxy -f "$work/haproxy.cfg"; haproxy=$started
start 0 target/release/teal run --config "$work/teal.toml"; teal=$started
for port in 19001 19101 19102 19103; do
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
  done
done

ticks() { # user and system time of a process and its children, in clock ticks
  local sum=0 pid
  for pid in "$1" $(pgrep -P "$1" || true); do
    read -r user system < <(awk '{print $14, $15}' "/proc/$pid/stat")
    sum=$((sum + user + system))
  done
  echo "$sum"
}
hertz=$(getconf CLK_TCK)
for round in $(seq "$rounds"); do
  for peer in "nginx:$nginx:19101" "haproxy:$haproxy:19102" "teal:$teal:19103"; do
    IFS=: read -r name pid port <<<"$peer"
    before=$(ticks "$pid")
    out=$(taskset -c 1 wrk -t1 "-c$connections" "-d${seconds}s" --latency "http://127.0.0.1:$port/")
    after=$(ticks "$pid")
    requests=$(awk '/requests in/ {print $1}' <<<"$out")
    p99=$(awk '$1 == "99%" {print $2}' <<<"$out")
    trouble=$(grep -E 'Socket errors|Non-2xx' <<<"$out" || true)
    cpu=$(awk -v t=$((after - before)) -v h="$hertz" -v n="$requests" 'BEGIN {printf "%.2f", t * 1e6 / h / n}')
    echo "$name $cpu $((requests / seconds)) $p99 $trouble" >>"$work/results"
    echo "round $round: $name $cpu us/request, $((requests / seconds)) requests/s, p99 $p99 $trouble"
  done
done
echo
echo "median us/request (lowest to highest) over $rounds rounds of ${seconds}s, $connections connections:"
for name in nginx haproxy teal; do
  grep "^$name " "$work/results" | sort -k2 -n | awk -v name="$name" '
    {cpu[NR] = $2; rate[NR] = $3}
    END {printf "%-8s %6.2f (%.2f to %.2f)\n", name, cpu[int((NR + 1) / 2)], cpu[1], cpu[NR]}'
done
