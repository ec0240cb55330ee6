# For the scripts beside it: environments of pinned versions, and settings under which fits are the same every time.

export PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 PYTHONWARNINGS=ignore PYTHONHASHSEED=0 OMP_NUM_THREADS=1

# environment HOME REQUIREMENTS PYTHON prints the interpreter of the virtual environment in HOME, which is made anew when
# its requirements change.
environment() {
	if ! cmp -s "$2" "$1/requirements.txt"; then
		rm -rf "$1"
		"$3" -m venv "$1"
		"$1/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps -r "$2" >&2
		cp "$2" "$1/requirements.txt"
	fi
	echo "$1/bin/python"
}
