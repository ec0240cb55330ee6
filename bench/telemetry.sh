#!/bin/sh
# The contest of telemetry: what besra serve spends to count, time and tell of requests, beside a besra that is built
# without all of that, and an empty handler. `telemetry.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
go build -o "$cache/empty" ./empty
go build -o "$cache/telemetry" ./telemetry
(cd .. && go build -o "$cache/besra" ./cmd/besra && go build -tags besra_muted -o "$cache/besra-muted" ./cmd/besra)
exec "$cache/telemetry" -cache "$cache" ${QUICK:+-short} "$@"
