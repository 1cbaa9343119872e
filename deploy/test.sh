#!/usr/bin/env bash
# Installs what the tests need and runs everything: formatting, lints, tests, every bench once, the checks of what is deployed,
# the page in a browser, and the fuzzer for a while.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
  echo "please install Rust: https://rustup.rs, or on Debian 13 and newer apt-get install rustup; then start this again" >&2
  exit 1
fi

# A program that the build or tests start, and the Debian package it comes from. Only what is missing is asked for: a Node that was
# not installed as Debian's package has its own npm, and the two cannot stand side by side.
needs=(cc:gcc redis-server:redis-server redis-cli:redis-tools promtool:prometheus prometheus-alertmanager:prometheus-alertmanager openssl:openssl curl:curl
  chromium:chromium node:nodejs npm:npm)
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if command -v node >/dev/null; then
  if ! command -v npm >/dev/null && ! dpkg -S "$(readlink -f "$(command -v node)")" >/dev/null 2>&1; then
    echo "please install npm for the Node at $(command -v node): Debian's would bring another Node" >&2
    exit 1
  elif ! node -e 'process.exit(+(process.versions.node.split(".")[0] < 18))'; then
    echo "please install Node 18 or newer: $(command -v node) is $(node --version)" >&2
    exit 1
  fi
fi
# The header files of C are no program.
[[ -e /usr/include/stdlib.h ]] || ! command -v apt-get >/dev/null || missing+=(libc6-dev)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if command -v python3 >/dev/null && ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "please install Python 3.11 or newer: $(command -v python3) is $(python3 --version)" >&2
  exit 1
fi
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

# Runs a stage, and says how long it took.
stage() {
  local name=$1 started=$SECONDS
  shift
  "$@"
  echo "== $name: $((SECONDS - started)) s"
}

# A program alone is compiled from the same dependencies as all of them are, with the same features.
programs_alone() {
  local program again
  for program in analytics simulator dashboard vigia; do
    # A crate of the workspace is followed by its path.
    again=$(cargo build --bin "$program" --locked --color never 2>&1 | grep '^ *Compiling' | grep -v '(' || true)
    if [[ -n $again ]]; then
      printf 'cargo build --bin %s compiles dependencies again:\n%s\n' "$program" "$again" >&2
      return 1
    fi
  done
}

stage "format" cargo fmt --all --check
stage "lints" cargo clippy --workspace --all-targets --locked -- --deny warnings
stage "tests" cargo test --workspace --all-targets --locked
stage "what is deployed" deploy/check.sh
stage "the page in a real browser" dashboard-ui/tests/browser/run.sh
stage "programs alone" programs_alone

# The fuzzers. Each is bounded by a number of inputs, not by time, and always starts from the same seed. The toolchain is stable, so
# they run without sanitizers; they look for panics and broken laws, and the sources forbid unsafe code.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
fuzz_version=0.13.2
if [[ $("$target/tools/bin/cargo-fuzz" --version 2>/dev/null) != "cargo-fuzz $fuzz_version" ]]; then
  cargo install cargo-fuzz --version "$fuzz_version" --locked --quiet --force --root "$target/tools"
fi
fuzz=analytics/fuzz
fuzzer() {
  "$target/tools/bin/cargo-fuzz" "$1" --fuzz-dir "$fuzz" --sanitizer none --target-dir "$target/fuzz" "${@:2}"
}
stage "fuzzers are built" fuzzer build
# Each run starts from the seeds alone, not from what the last run found.
corpora=$(mktemp -d)
trap 'rm -rf "$corpora"' EXIT
# A target, how many inputs, and how long they are at most.
while read -r name runs length <&3; do
  mkdir "$corpora/$name"
  stage "fuzzer $name" fuzzer run "$name" "$corpora/$name" "$fuzz/seeds/$name" -- "-runs=$runs" -seed=1 "-max_len=$length"
done 3<<'END'
reply 2000000 2048
entry 1000000 512
recording 50000 2048
query 500000 512
address 500000 512
END
