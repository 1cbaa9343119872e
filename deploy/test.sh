#!/usr/bin/env bash
# Sets up what the tests need and runs everything: formatting, lints, tests, and each bench once.
set -euo pipefail
cd "$(dirname "$0")/.."

# A program that tests start, and the Debian package that brings it.
needs=(redis-server:redis-server redis-cli:redis-tools promtool:prometheus)
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if ((${#missing[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  # Tests start servers of their own; what is installed here must not start any. Where the machine already has a policy
  # for that, it stands.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  [[ -z $(trap -p EXIT) ]] || rm -f "$policy"
  trap - EXIT
fi

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- --deny warnings
cargo test --workspace --all-targets --locked
