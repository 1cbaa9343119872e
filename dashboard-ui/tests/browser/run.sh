#!/usr/bin/env bash
# The page in a real browser.
#
#   run.sh                      builds the programs, runs the tests; pictures of the pages go to the folder SCREENSHOTS
#   run.sh pages live           runs these test files only
#   run.sh measure WHAT ...     what takes time to measure, on a quiet machine: see measure/measure.mjs
#   run.sh pictures [STATE ...] pictures of every page in every state, to be looked at: see measure/pictures.mjs
#
# Needs chromium (or another one: CHROMIUM), node 18 or newer with npm, redis-server and redis-cli.
set -euo pipefail
cd "$(dirname "$0")"
target=$(realpath -m "${CARGO_TARGET_DIR:-../../../target}")
export CARGO_TARGET_DIR=$target

# Packages are kept beside what cargo builds, and are installed again when their list has changed.
install_packages() {
  local folder=$1 packages=$target/browser/$2
  if ! cmp -s "$folder/package-lock.json" "$packages/installed.json"; then
    mkdir -p "$packages"
    cp "$folder/package.json" "$folder/package-lock.json" .npmrc "$packages"
    (cd "$packages" && npm ci --ignore-scripts --loglevel=error)
    cp "$folder/package-lock.json" "$packages/installed.json"
  fi
  ln -sfn "$packages/node_modules" "$folder/node_modules"
}

# PROGRAMS is a folder with programs that are not to be built.
build() {
  if [[ -z ${PROGRAMS-} ]]; then
    # The whole workspace: with some packages alone, dependencies would have other features than for `cargo test --workspace`,
    # and be compiled once more.
    cargo build --quiet --locked --profile "$1" --workspace
    export PROGRAMS=$target/$2
  fi
}

install_packages . tests
if [[ ${1-} == measure ]]; then
  shift
  install_packages measure measure
  build release release
  exec node measure/measure.mjs "$@"
fi
if [[ ${1-} == pictures ]]; then
  shift
  build release release
  exec node measure/pictures.mjs "$@"
fi
build dev debug
files=("${@/%/.test.mjs}")
(($#)) || files=(*.test.mjs)
exec node --test --test-reporter=spec "${files[@]}"
