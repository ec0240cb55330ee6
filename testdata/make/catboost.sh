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

export PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 PYTHONWARNINGS=ignore OMP_NUM_THREADS=1

python() { # version: the Python that its wheels are for
	case $1 in
	1.[01].*) echo "${PYTHON310:-python3.10}" ;;
	*) echo "${PYTHON:-python3.11}" ;;
	esac
}

environment() { # version: prints the interpreter of its environment, made anew when its requirements change
	list=$make/requirements-catboost-$1.txt
	home=$cache/$1
	if ! cmp -s "$list" "$home/requirements.txt"; then
		rm -rf "$home"
		"$(python "$1")" -m venv "$home"
		"$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps -r "$list" >&2
		cp "$list" "$home/requirements.txt"
	fi
	echo "$home/bin/python"
}

mkdir -p "$cache"
rm -rf "$models"
for version in 1.0.6 1.1.1 1.2.10; do
	if ! command -v "$(python $version)" >/dev/null && [ ! -x "$cache/$version/bin/python" ]; then
		echo "catboost $version: no $(python $version), its cases stay as they are"
		continue
	fi
	echo "catboost $version: fitting"
	"$(environment $version)" $make/cat/train.py $version "$models" "$pattern"
done
reference=$(environment 1.2.10)
echo "catboost 1.2.10: answering"
"$reference" $make/cat/answer.py 1.2.10 "$models" testdata/catboost "$pattern"
echo "testdata/catboost: $(ls testdata/catboost | wc -l) cases"
[ "$pattern" != '*' ] || "$reference" $make/cat/damage.py testdata
[ "$pattern" != '*' ] || "$reference" $make/cat/tables.py .
