#!/bin/sh
# Builds an image and deploys it: deploy.sh VERSION
set -eu
version=${1:?write: deploy.sh VERSION}
cd "$(dirname "$0")"
docker build --tag "app:$version" --build-arg "VERSION=$version" --file Dockerfile ..
exec teal deploy web --version "$version" --config teal.toml
