#!/bin/sh
# The server contest: besra serve beside an empty handler. `server.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
./prepare.sh
go build -o "$cache/empty" ./empty
go build -o "$cache/server" ./server
(cd .. && go build -o "$cache/besra" ./cmd/besra)
exec "$cache/server" -cache "$cache" ${QUICK:+-short} "$@"
