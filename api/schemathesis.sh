#!/usr/bin/env bash
# Holds a running server against the OpenAPI document that it serves, with schemathesis: first the document as
# it is, then narrowed to the demo's model, so that most requests are ones that must be scored.
#
# usage: api/schemathesis.sh [BINARY]      without one, it is built
# GO, PYTHON: the programs to use. EXAMPLES: how many requests are made for each operation and phase (400).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/.cache/venv-schemathesis
work=$(mktemp -d)
server=

cleanup() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT

pins=api/schemathesis/requirements.txt
if ! cmp -s "$pins" "$venv/requirements.txt"; then
	rm -rf "$venv"
	"${PYTHON:-python3}" -m venv "$venv"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins"
	cp "$pins" "$venv/requirements.txt"
fi

binary=${1:-$work/besra}
if [ $# = 0 ]; then
	"${GO:-go}" build -o "$binary" ./cmd/besra
fi
# It asks as one who may do all that the document has; what is refused to others it finds out by itself.
BESRA_KEY=$("$binary" keys create --auth-keys "$work/keys.yaml" --name schemathesis --scope score,explain,labels,models,metrics 2>/dev/null)
export BESRA_KEY
# Ids of digits alone may be a card's number by chance; the document cannot say which, so all are taken.
"$binary" serve --listen 127.0.0.1:0 --state-dir "$work/state" --state-fsync never --state-allow-card-numbers \
	--auth-keys "$work/keys.yaml" --admin-listen "" --limits-deadline 10s \
	2>"$work/server.log" &
server=$!
url=
for _ in $(seq 100); do
	url=$(sed -n 's/.*"msg":"listening","url":"\([^"]*\)".*/\1/p' "$work/server.log")
	if [ -n "$url" ] || ! kill -0 "$server" 2>/dev/null; then
		break
	fi
	sleep 0.1
done
if [ -z "$url" ]; then
	echo "the server did not start:"
	cat "$work/server.log"
	exit 1
fi

# hold DOCUMENT OPTION… makes requests from the document and checks the answers by it. It runs in the work
# directory, where schemathesis may leave what it likes.
rules=$PWD/api/schemathesis
hold() (
	local document=$1
	shift
	cd "$work"
	BESRA_DOCUMENT=$document SCHEMATHESIS_HOOKS=checks PYTHONPATH=$rules PYTHONDONTWRITEBYTECODE=1 \
		"$venv/bin/schemathesis" --config-file "$rules/schemathesis.toml" \
		run "$document" --url "$url" --header "Authorization: Bearer $BESRA_KEY" --no-color --seed 1 --generation-database none \
		--phases examples,coverage,fuzzing --mode all --max-examples "${EXAMPLES:-400}" \
		--checks all --continue-on-failure --request-timeout 10 "$@"
)

"$venv/bin/python" -c 'import os, sys, urllib.request as u
sys.stdout.buffer.write(u.urlopen(u.Request(sys.argv[1] + "/openapi.json", headers={"X-API-Key": os.environ["BESRA_KEY"]})).read())' \
	"$url" >"$work/openapi.json"
"$venv/bin/python" api/schemathesis/narrow.py "$url" >"$work/narrowed.json"
cmp api/openapi.json "$work/openapi.json"

status=0
# Which features and fields a model has the document cannot say, so that what it allows may well be refused.
hold "$work/openapi.json" --exclude-checks positive_data_acceptance || status=1
BESRA_NARROWED=1 hold "$work/narrowed.json" || status=1
if grep '"level":"ERROR"' "$work/server.log"; then
	echo "the server logged errors"
	status=1
fi
if ! kill -0 "$server" 2>/dev/null; then
	echo "the server died"
	status=1
fi
exit $status
