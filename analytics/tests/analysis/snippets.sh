#!/usr/bin/env bash
# Runs every snippet that the dashboard's pages show, Python and curl, against the analytics behind it.
#
#   snippets.sh http://127.0.0.1:8000 http://127.0.0.1:8001
#
# Where analytics demands a token, the snippets take it from ANALYTICS_TOKEN, as they say, and this does too.
#
# Needs Python 3.11 or newer with venv, and curl.
set -euo pipefail
if (($# != 2)); then
  echo "usage: $0 DASHBOARD ANALYTICS" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/../tools.sh" analysis)
exec "$python" "$here/snippets.py" "$@"
