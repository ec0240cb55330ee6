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

. $make/environment.sh

of() { # version: prints its interpreter
	environment "$cache/$1" "$make/requirements-xgboost-$1.txt" "$python"
}

mkdir -p "$cache"
rm -rf "$models"
for list in "$make"/requirements-xgboost-*.txt; do
	version=${list##*-}
	version=${version%.txt}
	interpreter=$(of "$version")
	echo "xgboost $version: fitting"
	"$interpreter" $make/xgb/train.py "$version" "$models" "$pattern"
done
[ "$pattern" != '*' ] || rm -rf testdata/xgboost
for version in 2.1.4 3.1.3 3.2.0; do
	echo "xgboost $version: answering"
	"$(of "$version")" $make/xgb/answer.py "$version" "$models" testdata/xgboost "$pattern"
done
echo "testdata/xgboost: $(ls testdata/xgboost | wc -l) cases"
[ "$pattern" != '*' ] || "$(of 1.7.6)" $make/xgb/damage.py testdata
