#!/bin/sh
# What it costs to share histories: besra serve with a Redis or Valkey beside it, and with its own memory. STORE names
# the server's program; `shared.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
mkdir -p "$cache"
store=${STORE-}
for program in redis-server valkey-server "$PWD/../.cache/valkey/valkey-server"; do
	[ -n "$store" ] || store=$(command -v "$program" || true)
done
if [ -z "$store" ]; then
	echo "NOT RUN: there is no redis-server or valkey-server here (Debian: redis-server, or .ci/valkey)" >&2
	exit 1
fi
go build -o "$cache/shared" ./shared
(cd .. && go build -o "$cache/besra" ./cmd/besra)
exec "$cache/shared" -cache "$cache" -store "$store" ${QUICK:+-short} "$@"
