#!/bin/sh
# Remakes the CatBoost cases under testdata/catboost, and the damaged files made of them, the same bytes every time.
#
# usage: testdata/make/catboost.sh [PATTERN]     only cases whose folder's name matches, such as 'ctr-*'
#
# Each version fits and saves its models in its own virtual environment; then the newest answers. The environments
# stay in .cache/catboost and take about 1.5 GB of disk. Needs Python 3.11, or PYTHON naming one, and for the versions
# before 1.2 Python 3.10, or PYTHON310 naming one: without it their cases stay as they are.
set -eu
cd "$(dirname "$0")/../.."

pattern=${1:-*}
cache=$PWD/.cache/catboost
models=$cache/models
make=testdata/make

. $make/environment.sh

python() { # version: the Python that its wheels are for
	case $1 in
	1.[01].*) echo "${PYTHON310:-python3.10}" ;;
	*) echo "${PYTHON:-python3.11}" ;;
	esac
}

of() { # version: prints its interpreter
	environment "$cache/$1" "$make/requirements-catboost-$1.txt" "$(python "$1")"
}

mkdir -p "$cache"
rm -rf "$models"
for version in 1.0.6 1.1.1 1.2.10; do
	if ! command -v "$(python $version)" >/dev/null && [ ! -x "$cache/$version/bin/python" ]; then
		echo "catboost $version: no $(python $version), its cases stay as they are"
		continue
	fi
	echo "catboost $version: fitting"
	"$(of $version)" $make/cat/train.py $version "$models" "$pattern"
done
reference=$(of 1.2.10)
echo "catboost 1.2.10: answering"
"$reference" $make/cat/answer.py 1.2.10 "$models" testdata/catboost "$pattern"
echo "testdata/catboost: $(ls testdata/catboost | wc -l) cases"
[ "$pattern" != '*' ] || "$reference" $make/cat/damage.py testdata
[ "$pattern" != '*' ] || "$reference" $make/cat/tables.py .
