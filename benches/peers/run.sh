#!/usr/bin/env bash
# Compares Vigía with its peers: sets up what is needed, then runs compare.py with the options given (--help lists them).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# Whether a program is there, and the Debian package that brings it.
missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v java >/dev/null || missing+=(default-jre-headless)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  # The comparison starts a server of its own; what is installed here must not start any. Where the machine already has
  # a policy for that, it stands.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
  [[ -z $(trap -p EXIT) ]] || rm -f "$policy"
  trap - EXIT
fi
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Python 3.11 or newer is needed, this is $(python3 --version)" >&2
  exit 1
fi

# Reinstalled if a version changes, or if installing was interrupted.
install() {
  local requirements=$1 venv=$2
  if ! cmp -s "$requirements" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
    cp "$requirements" "$venv/installed.txt"
  fi
}
install "$here/requirements.txt" "$here/.venv"
install "$here/requirements-flink.txt" "$here/.venv-flink"

exec "$here/.venv/bin/python" "$here/compare.py" "$@"
