#!/bin/sh
# The contest of cold starts: besra's bootstrap beside AWS's own Python runtime with XGBoost, the same model, in the same
# simulation of Lambda. `cold.sh -h` tells the flags.
set -eu
cd "$(dirname "$0")"
cache=${BENCH_CACHE:-$PWD/../.cache/bench}
python=${PYTHON:-python3}
mkdir -p "$cache/lambda/python" "$cache/lambda/besra/models"
if ! cmp -s cold/requirements.txt "$cache/venv-lambda/requirements.txt"; then
	rm -rf "$cache/venv-lambda"
	"$python" -m venv "$cache/venv-lambda"
	"$cache/venv-lambda/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r cold/requirements.txt
	cp cold/requirements.txt "$cache/venv-lambda/requirements.txt"
fi
cp cold/handler.py ../models/fraud/1/model.ubj "$cache/lambda/python/"
cat >"$cache/lambda/python/bootstrap" <<END
#!/bin/sh
exec "$cache/venv-lambda/bin/python" -m awslambdaric handler.handler
END
chmod +x "$cache/lambda/python/bootstrap"
cp -r ../models/fraud "$cache/lambda/besra/models/"
(cd .. && CGO_ENABLED=0 go build -trimpath -tags lambda.norpc,grpcnotrace -ldflags '-s -w' -o "$cache/lambda/besra/bootstrap" ./cmd/bootstrap)
go build -o "$cache/cold" ./cold
exec "$cache/cold" -cache "$cache" ${QUICK:+-short} "$@"
