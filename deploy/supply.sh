#!/usr/bin/env bash
# What the programs are made of: checks licences, duplicates and sources by deploy/deny.toml, and writes a list of all parts of each
# program (an SBOM in CycloneDX 1.5) into a folder. The first run compiles the two tools.
#
#   deploy/supply.sh [FOLDER]      # target/sbom by default
#   ADVISORIES=FOLDER deploy/supply.sh   # also looks for known faults, in a clone of RustSec's advisory-db
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
folder=$(realpath -m "${1:-$target/sbom}")

install() {
  if [[ $("$target/tools/bin/$1" "${@:3}" --version 2>/dev/null | grep -o '[0-9][0-9.]*' | head -1) != "$2" ]]; then
    cargo install "$1" --version "$2" --locked --quiet --force --root "$target/tools"
  fi
}
install cargo-deny 0.20.2
install cargo-cyclonedx 0.5.9 cyclonedx

"$target/tools/bin/cargo-deny" --locked --config deploy/deny.toml check bans licenses sources
if [[ -n ${ADVISORIES:-} ]]; then
  "$target/tools/bin/cargo-deny" --locked --config deploy/deny.toml check --disable-fetch advisories
else
  echo "supply.sh: advisories were not looked for: ADVISORIES names no clone of their database" >&2
fi

# It writes beside each Cargo.toml; only the programs' lists are kept.
mkdir -p "$folder"
"$target/tools/bin/cargo-cyclonedx" cyclonedx --format json --spec-version 1.5 --describe binaries --target all --quiet
for program in analytics simulator dashboard vigia; do
  find . -path ./target -prune -o -name "${program}_bin.cdx.json" -exec mv {} "$folder/$program.cdx.json" \;
done
find . -path ./target -prune -o -name '*.cdx.json' -exec rm {} +
echo "supply.sh: all is well; the lists are in $folder"
