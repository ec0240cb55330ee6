#!/bin/sh
# Makes what engine.sh and server.sh need, once, in .cache/bench: XGBoost, the models, the C program.
# Whatever changes in the files below makes it again.
set -eu
bench=$(cd "$(dirname "$0")" && pwd)
cache=${BENCH_CACHE:-$bench/../.cache/bench}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# stale NAME FILE...: does NAME have to be made again, since FILEs are not what they were?
stale() {
	name=$1
	shift
	sum=$(cat "$@" | cksum)
	[ ! -e "$cache/$name.sum" ] || [ "$sum" != "$(cat "$cache/$name.sum")" ]
}

# made NAME: NAME is whole, made of the FILEs that stale was asked about last.
made() { echo "$sum" >"$cache/$1.sum"; }

cd "$bench"
if stale venv xgboost/requirements.txt; then
	echo "bench: installing $(grep -o '^xgboost==.*' xgboost/requirements.txt) into $cache/venv" >&2
	rm -rf "$cache/venv"
	python3 -m venv "$cache/venv"
	"$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r xgboost/requirements.txt
	made venv
fi
if stale models xgboost/requirements.txt xgboost/train.py; then
	echo "bench: training the models" >&2
	rm -rf "$cache/models"
	mkdir "$cache/models"
	"$cache/venv/bin/python" xgboost/train.py "$cache/models"
	made models
fi
if [ "${1-}" = engine ] && stale capi xgboost/requirements.txt xgboost/capi.c; then
	lib=$("$cache/venv/bin/python" -c 'import os, xgboost; print(os.path.dirname(xgboost.__file__) + "/lib")')
	gcc -O2 -Wall -Wextra -o "$cache/capi" xgboost/capi.c "$lib/libxgboost.so" -Wl,-rpath,"$lib"
	made capi
fi
