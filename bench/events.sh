#!/bin/sh
# The contest of events: what besra serve spends on history, beside rows and an empty handler. `events.sh -h` tells
# the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
go build -o "$cache/empty" ./empty
go build -o "$cache/events" ./events
(cd .. && go build -o "$cache/besra" ./cmd/besra)
exec "$cache/events" -cache "$cache" ${QUICK:+-short} "$@"
