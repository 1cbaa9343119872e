#!/usr/bin/env bash
# Asks an analytics what /openapi.json allows, and what it does not: no answer is a 5xx, every answer is one of those that are
# described and fits its schema, and what is not allowed is refused. That what is allowed is answered cannot be asked of all routes:
# a window may be longer than what is kept. Seeded, and bounded by the number of questions for each route.
#
#   run.sh http://127.0.0.1:8001 [SEED [QUESTIONS]]
#
# Needs Python 3.11 or newer with venv.
set -euo pipefail
if (($# < 1 || $# > 3)); then
  echo "usage: $0 ADDRESS [SEED [QUESTIONS]]" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/../tools.sh" schemathesis)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# It keeps examples of former runs in the folder where it is started.
cd "$folder"
# The events never end. Their route is asked by the tests of analytics.
"$(dirname "$python")/schemathesis" run "$1/openapi.json" --exclude-path /api/v1/events --seed "${2:-1}" \
  --max-examples "${3:-50}" --phases examples,coverage,fuzzing --no-color \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance
