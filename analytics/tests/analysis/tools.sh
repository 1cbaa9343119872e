#!/usr/bin/env bash
# Prints the path of a Python with the packages of requirements.txt, and installs them first if necessary. Needs Python 3.11 or
# newer with venv.
set -euo pipefail
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
echo "$venv/bin/python"
