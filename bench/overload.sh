#!/bin/sh
# What a server does when it is asked for more than it can do. `overload.sh -h` tells the flags; `-server besra` puts
# besra serve to the test instead of a handler that burns a millisecond.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
go build -o "$cache/overload" ./overload
(cd .. && go build -o "$cache/besra" ./cmd/besra)
exec "$cache/overload" -besra "$cache/besra" "$@"
