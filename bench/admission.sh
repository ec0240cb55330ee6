#!/bin/sh
# The contest of admission: what besra serve spends on who asks and how much, beside no admission and an empty
# handler. `admission.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
go build -o "$cache/empty" ./empty
go build -o "$cache/admission" ./admission
(cd .. && go build -o "$cache/besra" ./cmd/besra)
exec "$cache/admission" -cache "$cache" ${QUICK:+-short} "$@"
