#!/bin/sh
# The engine contest: besra beside XGBoost, LightGBM, CatBoost and ONNX Runtime, one row a call. `engine.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
./prepare.sh engine
go build -o "$cache/engine" ./engine
exec "$cache/engine" -cache "$cache" ${QUICK:+-short} "$@"
