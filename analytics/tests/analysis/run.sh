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
python=$("$here/../tools.sh" analysis)
"$python" "$here/check.py" "$1"
exec "$python" "$here/description.py" "$1"
