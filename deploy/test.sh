#!/usr/bin/env bash
# Installs what the tests need and runs everything: formatting, lints, tests, every bench once, the checks of what is deployed,
# the page in a browser, and the fuzzer for a while.
set -euo pipefail
cd "$(dirname "$0")/.."

# A program that tests start, and the Debian package it comes from.
needs=(redis-server:redis-server redis-cli:redis-tools promtool:prometheus openssl:openssl curl:curl
  chromium:chromium node:nodejs npm:npm)
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  # Tests start their own servers, so nothing that is installed here may start one. If the machine already has a policy for
  # that, it stays in place.
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

tools=$(deploy/tools.sh)
PATH=$tools:$PATH

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- --deny warnings
cargo test --workspace --all-targets --locked
deploy/check.sh

# The page in a real browser.
dashboard-ui/tests/browser/run.sh

# The fuzzer of the reply decoder. It is bounded by a number of inputs, not by time, and always starts from the same seed. The
# toolchain is stable, so it runs without sanitizers; it looks for panics, and the sources forbid unsafe code.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
fuzz_version=0.13.2
if [[ $("$target/tools/bin/cargo-fuzz" --version 2>/dev/null) != "cargo-fuzz $fuzz_version" ]]; then
  cargo install cargo-fuzz --version "$fuzz_version" --locked --quiet --force --root "$target/tools"
fi
fuzz=analytics/fuzz
# Each run starts from the seeds alone, not from what the last run found.
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
"$target/tools/bin/cargo-fuzz" run --fuzz-dir "$fuzz" --sanitizer none --target-dir "$target/fuzz" reply \
  "$corpus" "$fuzz/seeds/reply" -- -runs=2000000 -seed=1 -max_len=2048
