#!/bin/sh
# Remakes the ONNX cases under testdata/onnx, the damaged files made of them, and what internal/mlas is held against: the
# same bytes every time.
#
# usage: testdata/make/onnx.sh [PATTERN]     only cases whose folder's name matches, such as 'forest-*'
#
# Each version of onnx stands for the exporters of its time, which fit and write their models in a virtual environment of
# their own; then ONNX Runtime answers. The environments stay in .cache/onnx and take about 2.5 GB of disk. Needs Python
# 3.11, or PYTHON naming one.
set -eu
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3.11}
pattern=${1:-*}
cache=$PWD/.cache/onnx
models=$cache/models
make=testdata/make
runtime=1.32.0

. $make/environment.sh

of() { # name, requirements: prints the interpreter
	environment "$cache/$1" "$2" "$python"
}

mkdir -p "$cache"
rm -rf "$models"
for list in "$make"/requirements-onnx-*.txt; do
	version=${list##*-}
	version=${version%.txt}
	interpreter=$(of "$version" "$list")
	echo "onnx $version: fitting"
	"$interpreter" $make/onnx/train.py "$version" "$models" "$pattern"
done
[ "$pattern" != '*' ] || rm -rf testdata/onnx
echo "onnxruntime $runtime: answering"
interpreter=$(of runtime-$runtime $make/requirements-onnxruntime-$runtime.txt)
"$interpreter" $make/onnx/answer.py "$models" testdata/onnx "$pattern"
echo "testdata/onnx: $(ls testdata/onnx | wc -l) cases"
[ "$pattern" = '*' ] || exit 0
"$interpreter" $make/onnx/mlas.py internal/mlas/testdata/onnxruntime.json
"$(of 1.20.1 $make/requirements-onnx-1.20.1.txt)" $make/onnx/damage.py testdata
