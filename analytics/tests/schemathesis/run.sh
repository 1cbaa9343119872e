#!/usr/bin/env bash
# Asks an analytics what /openapi.json allows, and what it does not: no answer is a 5xx, every answer is one of those that are
# described and fits its schema, and what is not allowed is refused. That what is allowed is answered cannot be asked of all routes:
# a window may be longer than what is kept. Seeded, and bounded by the number of questions for each route.
#
#   run.sh http://127.0.0.1:8001 [SEED [QUESTIONS]]
#
# Where analytics demands a token, ANALYTICS_TOKEN has to be it: everything is asked with it, and then without.
#
# Needs Python 3.11 or newer with venv, and curl.
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
token=(--header "Authorization: Bearer ${ANALYTICS_TOKEN:-}")
[[ -v ANALYTICS_TOKEN ]] || token=()
curl -sS --fail "${token[@]}" --output openapi.json "$1/openapi.json"
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
checks=$checks,response_schema_conformance,negative_data_rejection

# Asks every route; the options that are given come on top. The events never end: their route is asked by the tests of analytics.
ask() {
  "$(dirname "$python")/schemathesis" run openapi.json --url "$address" --exclude-path /api/v1/events --seed "$seed" \
    --max-examples "$questions" --phases examples,coverage,fuzzing --no-color "$@"
}
address=$1 seed=${2:-1} questions=${3:-50}
ask --checks "$checks,unsupported_method,allow_header_conformance" "${token[@]}"
# Who does not know the token is not told either which methods there are.
[[ ! -v ANALYTICS_TOKEN ]] || ask --checks "$checks"
