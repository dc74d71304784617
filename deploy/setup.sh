#!/bin/sh
# Makes .venv from requirements/$1.txt (run or dev) with the first Python that fits; called by the Makefile.
set -eu
cd "$(dirname "$0")/.."

fits='import sys, venv, ensurepip; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 12)))'
python=
if [ -x .venv/bin/python ] && .venv/bin/python -c "$fits" 2>/dev/null; then
    python=.venv/bin/python
else
    for candidate in ${PYTHON:-} python3.12 python3.11 python3; do
        if "$candidate" -c "$fits" 2>/dev/null; then python=$candidate; break; fi
    done
    if [ -z "$python" ]; then
        echo "Peercafe needs Python 3.11 or 3.12 with its venv module; install one (python3.12 and python3.12-venv) and try again." >&2
        exit 1
    fi
    rm -rf .venv
    "$python" -m venv .venv
fi

# A development environment holds everything that running needs.
if [ "$1" = run ] && [ -e .venv/locked-dev ] && [ ! requirements/run.txt -nt .venv/locked-dev ]; then
    touch .venv/locked-run
    exit 0
fi

installed() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$1.txt"
}

# uv needs a third of pip's time for the same lock; where it can't (an index that only pip is told of), pip does it.
quickly_installed() {
    installed uv && .venv/bin/uv pip install --quiet --python .venv/bin/python --link-mode copy --compile-bytecode \
        --require-hashes -r "requirements/$1.txt"
}

echo "Installing what is locked in requirements/$1.txt …"
if ! quickly_installed "$1" 2>/dev/null && ! installed "$1"; then
    echo "The locked packages could not be installed; check the network or your package index and try again." >&2
    exit 1
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch .venv/locked-run
[ "$1" = run ] || touch .venv/locked-dev
