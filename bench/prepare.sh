#!/bin/sh
# Makes what engine.sh and server.sh need, once, in .cache/bench: XGBoost and other libraries, the models, the C programs.
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

[ "${1-}" = engine ] || exit 0
if stale libraries libraries/requirements.txt; then
	echo "bench: installing LightGBM, CatBoost, scikit-learn and ONNX Runtime into $cache/libraries" >&2
	rm -rf "$cache/libraries"
	python3 -m venv "$cache/libraries"
	"$cache/libraries/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps -r libraries/requirements.txt
	made libraries
fi
if stale others libraries/requirements.txt libraries/train.py libraries/payments.py; then
	echo "bench: training their models" >&2
	rm -rf "$cache/others"
	mkdir "$cache/others"
	OMP_NUM_THREADS=1 "$cache/libraries/bin/python" libraries/train.py "$cache/others"
	made others
fi
if stale programs libraries/requirements.txt libraries/train.py libraries/payments.py libraries/*.c libraries/*.cpp libraries/*.h; then
	packages=$("$cache/libraries/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	ort=$packages/onnxruntime/capi
	ln -sf "$(basename "$ort"/libonnxruntime.so.*.*)" "$ort/libonnxruntime.so.1" # what it calls itself
	gcc -O2 -Wall -Wextra -o "$cache/lightgbm" libraries/lightgbm.c "$packages/lightgbm/lib/lib_lightgbm.so" -Wl,-rpath,"$packages/lightgbm/lib"
	gcc -O2 -Wall -Wextra -o "$cache/onnxruntime" libraries/onnxruntime.c "$ort/libonnxruntime.so.1" -Wl,-rpath,"$ort"
	gcc -O2 -Wall -Wextra -shared -fPIC -o "$cache/calcflat.so" libraries/calcflat.c -lm
	for export in "$cache"/others/*.cpp; do
		g++ -O3 -march=native -DMODEL="\"$export\"" -Ilibraries -o "$cache/exported-$(basename "$export" .cpp)" libraries/exported.cpp
	done
	made programs
fi
