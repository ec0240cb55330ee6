#!/bin/sh
# How much memory histories take: ten million cards need up to 13 GiB. `state.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
go build -o "$cache/state" ./state
exec "$cache/state" ${QUICK:+-short} "$@"
