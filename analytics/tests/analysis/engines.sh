#!/usr/bin/env bash
# Runs the Python of docs/history.md on the files of an archive, and checks that every engine answers as the analytics does that
# wrote them. Spark SQL is run alone, if it is named, and needs a JVM.
#
#   engines.sh http://127.0.0.1:8001 /var/lib/vigia/archive ["Spark SQL"]
#
# The stream has to be at rest. Needs Python 3.11 or newer with venv.
set -euo pipefail
if (($# != 2 && $# != 3)) || [[ ${3:-Spark SQL} != "Spark SQL" ]]; then
  echo "usage: $0 ADDRESS DIRECTORY ['Spark SQL']" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
tools=analysis
if (($# == 3)); then tools=spark; fi
python=$("$here/../tools.sh" "$tools")
exec "$python" "$here/engines.py" "$@"
