#!/usr/bin/env bash
# Runs the Python of docs/analysis.md against an analytics, and checks that every tool gets the same table, and that every route
# answers as /openapi.json says.
#
#   run.sh http://127.0.0.1:8001
#
# The stream has to be at rest, as the table is fetched several times. Needs Python 3.11 or newer with venv.
set -euo pipefail
if (($# != 1)); then
  echo "usage: $0 ADDRESS" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "please install Python 3.11 or newer with venv (python3-venv on Debian)" >&2
  exit 1
fi

# Reinstalled if a version changes, or if installing was interrupted.
target=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../../target}")
venv=$target/tools/analysis
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

"$venv/bin/python" "$here/check.py" "$1"
exec "$venv/bin/python" "$here/description.py" "$1"
