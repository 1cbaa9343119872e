#!/usr/bin/env bash
# Runs the Spark SQL of docs/history.md on an archive and compares it with the API. Not part of test.sh, as Spark is half a gigabyte.
# Needs a JVM (default-jre-headless on Debian) beside what test.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v java >/dev/null; then
  echo "please install a JVM: default-jre-headless on Debian" >&2
  exit 1
fi
exec cargo test --workspace --locked --test it -- --ignored --exact engines::spark_answers_from_files_as_the_api_does
