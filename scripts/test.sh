#!/usr/bin/env bash
# Installs what the tests need and runs all of them: formatting, lints, documentation, tests, scripts, features, licences,
# the same for Windows under wine, and the whole lab on real guests. Stops at the first step that fails.
#
#   scripts/test.sh           everything
#   scripts/test.sh --fast    without the real guests, which take minutes
#
# LAB_TESTS_REQUIRE=1       a tool that is missing fails a test instead of skipping it (CI sets it)
# LAB_TESTS_VERBOSE=1       shows each step's output as it comes
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

readonly LIBRARIES=(vmrun-rs cloudinit-gen registry-pki stage-timer)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM HUP

guests=yes
case ${1:-} in
  '') ;;
  --fast) guests= ;;
  -h | --help)
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *) fail 2 "unknown argument: $1" "scripts/test.sh --help" ;;
esac

# --- running steps ----------------------------------------------------------------------------------------------------

passed=0 skipped=0
summary() { # failed
  printf '\nsteps: %d passed, %d failed, %d skipped\n' "$passed" "$1" "$skipped"
}

step() { # name, command...
  local name=$1 started=$SECONDS log=$logs/log status=0
  shift
  printf '%(%T)T %-28s ' -1 "$name"
  # Not `… || status=$?`: behind that the shell would run a function of several commands to its end whatever fails.
  set +e
  if [ "${LAB_TESTS_VERBOSE:-}" = 1 ]; then
    echo
    (set -e; "$@") 2>&1 </dev/null | tee "$log"
    status=${PIPESTATUS[0]}
  else
    (set -e; "$@") >"$log" 2>&1 </dev/null
    status=$?
  fi
  set -e
  if [ "$status" -ne 0 ]; then
    printf 'FAILED after %d s (exit code %d)\n' $((SECONDS - started)) "$status"
    echo "--- the end of its output:"
    tail -n 100 "$log"
    summary 1
    exit 1
  fi
  passed=$((passed + 1))
  printf 'ok %4d s  %s\n' $((SECONDS - started)) "$(result "$log")"
}

# What a test runner said at its end, for the line of its step.
result() { # log
  sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -E '^ *Summary \[|^schedules=|^test result: .* [1-9][0-9]* passed|^Ran [0-9]+ tests' | tail -n 1 | sed 's/^ *//' || true
}

skip() { # name, why
  skipped=$((skipped + 1))
  printf '%(%T)T %-28s skipped: %s\n' -1 "$1" "$2"
}

# --- what the tests need ----------------------------------------------------------------------------------------------

# Tools that judge what the libraries write; each crate may name more in tests/apt-packages.txt.
install_judges() {
  local packages=(curl gcc genisoimage libarchive-tools libc6-dev openssl python3 python3-yaml shellcheck xorriso zstd)
  local list more
  for list in */tests/apt-packages.txt; do
    [ -e "$list" ] || continue
    mapfile -t more < <(sed 's/#.*//' "$list" | tr -s '[:space:]' '\n' | grep .)
    packages+=("${more[@]}")
  done
  install_packages "${packages[@]}"
  install_docker_registry
  if [ -x registry-pki/tests/judges/install.sh ]; then
    registry-pki/tests/judges/install.sh
  fi
}

install_guest_tools() {
  install_qemu
  install_image_tools
  install_packages iproute2 openssh-client util-linux
}

# --- steps ------------------------------------------------------------------------------------------------------------

all_scripts() {
  git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run tests/guest/image/initrd/init tests/guest/image/overlay/usr/local \
    tests/guest/image/overlay/etc/systemd/system-generators
}

check_scripts() {
  all_scripts | xargs -0 shellcheck -x
}

# What is compiled from here on, build scripts included, comes from the lockfile and is there already: there is no network.
fetch() {
  cargo fetch --locked
}

lint() {
  in_empty_network cargo clippy --locked --offline --workspace --all-targets -- -D warnings
}

document() {
  RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
}

# The end-to-end tests run the programs of their own build.
build() {
  in_empty_network cargo build --locked --offline --workspace --all-targets
}

run_tests() {
  if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-fail-fast
  else
    cargo test --workspace --no-fail-fast --lib --bins --tests
  fi
}

# Each library by itself, with nothing and with everything.
check_features() {
  local library
  for library in "${LIBRARIES[@]}"; do
    cargo check -p "$library" --no-default-features
    cargo check -p "$library" --all-features --all-targets
  done
}

# The one optional feature that makes other certificates: judged as the default ones are.
test_rsa() {
  cargo test -p registry-pki --features rsa --test judges --test outside
}

# Compiled once, into a directory that outlives a build. Unoptimised: that halves the time to compile it, and it still runs
# for seconds only.
readonly DENY_VERSION=0.20.2
tools=${LAB_CACHE_DIR:-$repo/.cache}/tools
deny=$tools/bin/cargo-deny

install_cargo_deny() {
  if [ "$("$deny" --version 2>/dev/null)" = "cargo-deny $DENY_VERSION" ]; then return 0; fi
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --no-default-features --version "$DENY_VERSION" --root "$tools" cargo-deny
}

# Known weaknesses, where their database can be had.
check_advisories() {
  if timeout 120 "$deny" --workspace fetch db >"$logs/advisories" 2>&1; then
    step "cargo deny: advisories" "$deny" --workspace check --disable-fetch advisories
  else
    skip "cargo deny: advisories" "their database cannot be reached: $(grep -m 1 -E '^fatal|ERROR' "$logs/advisories" | cut -c1-160)"
  fi
}

# Crates that must never come in, for machines without cargo-deny.
check_bans() {
  local banned crate
  mapfile -t banned < <(sed -n 's/^ *{ crate = "\([^"@]*\)".*/\1/p' deny.toml)
  [ ${#banned[@]} -gt 0 ]
  for crate in "${banned[@]}"; do
    if grep -qx "name = \"$crate\"" Cargo.lock; then
      echo "Cargo.lock has $crate, which deny.toml bans:"
      cargo tree --workspace -i "$crate" || true
      return 1
    fi
  done
}

# A network of its own, with nothing in it but a loopback: no packet of a guest can leave the machine.
in_empty_network() {
  local enter=(unshare --net)
  [ "$(id -u)" -eq 0 ] || enter=(unshare --user --map-root-user --net)
  if "${enter[@]}" true 2>/dev/null; then
    # shellcheck disable=SC2016 # the inner shell expands its own arguments
    "${enter[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$@"
  else
    echo "note: no network namespace can be made here; the guests run in the machine's own"
    "$@"
  fi
}

# lab-cli in worlds in which things go wrong, checked against the truth; killed at random moments.
chaos() {
  target/debug/chaos --seeds 0..50
  target/debug/chaos --kill --seeds 0..12
}

# The image needs a network to be made, the test must not have one.
test_guests() {
  tests/guest/build-image.sh
  LAB_GUEST_TESTS=1 CARGO_NET_OFFLINE=true in_empty_network cargo test -p lab-tests --test guests --test faults -- --nocapture
}

require_rust
step "install: judges" install_judges
[ -z "$guests" ] || step "install: guests" install_guest_tools
step "format" cargo fmt --all --check
step "shell scripts" check_scripts
step "banned crates" check_bans
step "fetch" fetch
if [ "${LAB_TESTS_REQUIRE:-}" = 1 ] || (install_cargo_deny) >"$logs/deny" 2>&1 </dev/null; then
  step "install: cargo-deny" install_cargo_deny
  step "cargo deny" "$deny" --workspace check bans licenses sources
  check_advisories
else
  skip "cargo deny" "$(grep -m 1 error: "$logs/deny" || echo 'cargo-deny cannot be installed')"
fi
step "stand-in k3s" python3 tests/guest/test_k3s.py
step "clippy" lint
step "documentation" document
step "build" build
step "tests" run_tests
step "documentation tests" cargo test --workspace --doc
step "faults on purpose" chaos
step "features" check_features
step "RSA keys" test_rsa
step "release: bill of materials" python3 scripts/release/test_bill.py
if [ "${LAB_TESTS_REQUIRE:-}" = 1 ] || scripts/windows.sh setup >"$logs/windows" 2>&1; then
  step "Windows, under wine" scripts/windows.sh test
else
  skip "Windows, under wine" "$(grep -m 1 error: "$logs/windows" || echo 'scripts/windows.sh setup failed')"
fi
if [ -n "$guests" ]; then
  step "real guests" test_guests
else
  skip "real guests" "--fast"
fi
summary 0
