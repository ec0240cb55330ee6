#!/bin/sh
# Remakes the LightGBM cases under testdata/lightgbm, and the damaged files made of them, the same bytes every time.
#
# usage: testdata/make/lightgbm.sh [PATTERN]     only cases whose folder's name matches, such as 'linear-*'
#
# Each version fits and saves its models in its own virtual environment; then the newest answers. The environments stay
# in .cache/lightgbm and take about 1.1 GB of disk. Needs Python 3.11, or PYTHON naming one.
set -eu
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3.11}
pattern=${1:-*}
cache=$PWD/.cache/lightgbm
models=$cache/models
make=testdata/make

. $make/environment.sh

of() { # version: prints its interpreter
	environment "$cache/$1" "$make/requirements-lightgbm-$1.txt" "$python"
}

mkdir -p "$cache"
rm -rf "$models"
for version in 2.3.1 3.3.5 4.7.0; do
	interpreter=$(of "$version")
	echo "lightgbm $version: fitting"
	"$interpreter" $make/lgb/train.py "$version" "$models" "$pattern"
done
[ "$pattern" != '*' ] || rm -rf testdata/lightgbm
echo "lightgbm 4.7.0: answering"
"$(of 4.7.0)" $make/lgb/answer.py 4.7.0 "$models" testdata/lightgbm "$pattern"
echo "testdata/lightgbm: $(ls testdata/lightgbm | wc -l) cases"
[ "$pattern" != '*' ] || "$(of 4.7.0)" $make/lgb/damage.py testdata
