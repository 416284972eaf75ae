#!/bin/sh
# Deploys a version: deploy.sh VERSION
set -eu
version=${1:?write: deploy.sh VERSION}
cd "$(dirname "$0")"
export TEAL_ADMIN=unix:run/admin.sock
exec teal deploy web --version "$version" --config teal.toml
