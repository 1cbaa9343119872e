#!/usr/bin/env bash
# Prints the path of a Python with the packages of a folder's requirements.txt, and installs them first if necessary. Needs
# Python 3.11 or newer with venv.
#
#   tools.sh analysis
set -euo pipefail
if (($# != 1)); then
  echo "usage: $0 FOLDER" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/$1/requirements.txt

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "please install Python 3.11 or newer with venv (python3-venv on Debian)" >&2
  exit 1
fi

# Reinstalled if a version changes, or if installing was interrupted.
target=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")
venv=$target/tools/$1
if ! cmp -s "$requirements" "$venv/installed.txt"; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  cp "$requirements" "$venv/installed.txt"
fi
echo "$venv/bin/python"
