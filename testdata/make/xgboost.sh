#!/bin/sh
# Remakes the XGBoost cases under testdata/xgboost, and the damaged files made of them, the same bytes every time.
#
# usage: testdata/make/xgboost.sh [PATTERN]     only cases whose folder's name matches, such as 'dart-*'
#
# Each version fits and saves its models in its own virtual environment; then the reference version answers.
# The environments stay in .cache/xgboost and take about 6 GB of disk. Needs Python 3.11, or PYTHON naming one.
set -eu
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3.11}
pattern=${1:-*}
cache=$PWD/.cache/xgboost
models=$cache/models
make=testdata/make

export PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 PYTHONWARNINGS=ignore OMP_NUM_THREADS=1

environment() { # version: prints the interpreter of its environment, made anew when its requirements change
	list=$make/requirements-xgboost-$1.txt
	home=$cache/$1
	if ! cmp -s "$list" "$home/requirements.txt"; then
		rm -rf "$home"
		"$python" -m venv "$home"
		"$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$list" >&2
		cp "$list" "$home/requirements.txt"
	fi
	echo "$home/bin/python"
}

mkdir -p "$cache"
rm -rf "$models"
for list in "$make"/requirements-xgboost-*.txt; do
	version=${list##*-}
	version=${version%.txt}
	interpreter=$(environment "$version")
	echo "xgboost $version: fitting"
	"$interpreter" $make/xgb/train.py "$version" "$models" "$pattern"
done
[ "$pattern" != '*' ] || rm -rf testdata/xgboost
for version in 2.1.4 3.1.3 3.2.0; do
	echo "xgboost $version: answering"
	"$(environment "$version")" $make/xgb/answer.py "$version" "$models" testdata/xgboost "$pattern"
done
echo "testdata/xgboost: $(ls testdata/xgboost | wc -l) cases"
[ "$pattern" != '*' ] || "$(environment 1.7.6)" $make/damage.py testdata
