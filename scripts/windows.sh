#!/usr/bin/env bash
# Builds and tests the workspace for Windows on a Debian or Ubuntu machine: mingw links, wine runs.
#
#   scripts/windows.sh setup           what all of it needs: packages, Rust's standard library for the target, a wine prefix
#   scripts/windows.sh test            lints the workspace, builds the programs, and runs under wine the tests that hold there
#   scripts/windows.sh cargo ARGS...   cargo for the target, for example: cargo test -p vmrun-rs --lib
#   scripts/windows.sh run EXE ARGS... a program under wine
#
# Everything it makes is under target/windows (LAB_WINDOWS_DIR names another place), apart from what other builds use.
# LAB_WINDOWS_RUSTFLAGS: more flags for the compiler. LAB_WINDOWS_TARGET_DIR: another place for what is built.
# LAB_WINDOWS_LINKER: another linker.
# Exit code 3: a prerequisite cannot be had here.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

readonly TARGET=x86_64-pc-windows-gnu
dir=${LAB_WINDOWS_DIR:-$repo/target/windows}
rustflags=${LAB_WINDOWS_RUSTFLAGS:-}

export WINEPREFIX=$dir/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
# The directory of the sources stays as it is.
export PYTHONDONTWRITEBYTECODE=1
export CARGO_TARGET_DIR=${LAB_WINDOWS_TARGET_DIR:-$dir/build}
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=${LAB_WINDOWS_LINKER:-x86_64-w64-mingw32-gcc}
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="bash $repo/scripts/windows.sh run"
# What the tests compare with lies where this system has it; a program under wine cannot ask this system's cargo.
export INSTA_WORKSPACE_ROOT=Z:${repo//\//\\} INSTA_UPDATE=no
# Nobody debugs these programs, and linking is what a build here spends its time on.
export CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0

# --- what is needed ---------------------------------------------------------------------------------------------------

install_programs() {
  install_packages gcc-mingw-w64-x86-64 wine wine64
}

# The directory of the target's standard library, where the compiler finds it by itself.
has_own_std() {
  [ -n "$(find "$(rustc --print target-libdir --target $TARGET)" -name 'libstd-*.rlib' 2>/dev/null)" ]
}

# Where the toolchain comes from rustup, that has the library ready; elsewhere it is compiled once per compiler version.
install_std() {
  local version
  version=$(rustc --version | cut -d' ' -f2)
  sysroot=$dir/sysroot-$version
  if [ ! -d "$sysroot" ]; then
    ! has_own_std || return 0
    if have rustup && timeout 300 rustup --quiet target add $TARGET && has_own_std; then return 0; fi
    compile_std "$version"
  fi
  rustflags="--sysroot=$sysroot $rustflags"
}

compile_std() { # compiler version
  local library work=$dir/std
  rm -rf "$work"
  mkdir -p "$work"
  library=$(rustc --print sysroot)/lib/rustlib/src/rust/library
  [ -d "$library" ] || library=$(debian_std_source "$1" "$work")
  say "compiling Rust's standard library $1 for $TARGET, once"
  # The flags are those of the compiler's own bootstrap; the wrapper variables would see an unstable build.
  (cd "$library" && env -u RUSTC_WRAPPER -u CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS RUSTC_BOOTSTRAP=1 \
    RUSTFLAGS='-Zforce-unstable-if-unmarked -Cembed-bitcode=yes' \
    CARGO_TARGET_DIR="$work/build" CARGO_PROFILE_RELEASE_DEBUG=0 \
    cargo build --quiet --locked --release --target $TARGET --manifest-path sysroot/Cargo.toml \
    --features 'panic-unwind backtrace')
  local lib=$sysroot.new/lib/rustlib/$TARGET/lib
  rm -rf "$sysroot.new"
  mkdir -p "$lib"
  cp "$work/build/$TARGET/release/deps/"*.rlib "$lib"
  rm "$lib"/libsysroot-*.rlib
  mv "$sysroot.new" "$sysroot"
  rm -rf "$work"
}

# Prints where the source of the standard library lies that Debian has for exactly this compiler. It may be in a newer
# suite than the machine's own, so that is asked in a state of apt that is used for nothing else.
debian_std_source() { # compiler version, scratch directory
  local version=$1 apt=$2/apt mirror suite package
  have apt-get || fail 3 "there is no source of Rust's standard library $version" "rustup target add $TARGET"
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$') ||
    fail 3 "no Debian mirror is among this machine's sources" "rustup target add $TARGET"
  mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
  : >"$apt/status"
  for suite in trixie-backports trixie forky sid; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt/cache"; Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-";
Acquire::Languages "none"; Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
  say "looking for the source of Rust's standard library $version"
  # A suite that does not exist (any more) is no reason to give up on the others.
  APT_CONFIG=$apt/apt.conf apt-get -qq update >&2 || true
  package=$(APT_CONFIG=$apt/apt.conf apt-cache madison rust-src | awk -v want="$version" \
    '{ split($3, part, /[+~-]/); if (part[1] == want) { print $3; exit } }')
  [ -n "$package" ] || fail 3 "Debian has no rust-src of version $version" "rustup target add $TARGET"
  (cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get -qq -o APT::Sandbox::User=root download "rust-src=$package" >&2 &&
    dpkg-deb -x rust-src_*.deb "$2/source") || fail 3 "rust-src $package cannot be downloaded" "see the messages above"
  echo "$2/source/usr/src/rustc-$version/library"
}

make_prefix() {
  [ ! -e "$WINEPREFIX/ready" ] || return 0
  rm -rf "$WINEPREFIX"
  mkdir -p "$dir"
  say "making a wine prefix"
  "$(wine64_program)" wineboot --init >&2 || fail 3 "wine cannot make its prefix in $WINEPREFIX" "see its messages above"
  wineserver --wait
  add_random_numbers
  touch "$WINEPREFIX/ready"
}

# Rust's standard library takes its random numbers from a DLL that every Windows since 7 has and wine 8 lacks.
add_random_numbers() {
  local dll=$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll
  [ ! -e "$dll" ] || return 0
  x86_64-w64-mingw32-gcc -Os -s -shared -o "$dll" -x c - -ladvapi32 <<'C'
#include <windows.h>
/* RtlGenRandom, under its exported name. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
    while (length > 0) {
        ULONG part = length > 0x40000000 ? 0x40000000 : (ULONG)length;
        if (!SystemFunction036(buffer, part)) return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
C
}

wine64_program() {
  command -v wine64 || echo /usr/lib/wine/wine64
}

setup() {
  require_rust
  install_programs
  install_std
  # Empty would count as "none", and hide what a configuration file has.
  [ -z "$rustflags" ] || export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS=$rustflags
  make_prefix
}

# --- what it does -----------------------------------------------------------------------------------------------------

cargo_for_windows() { # cargo's arguments
  cargo "$1" --target $TARGET "${@:2}"
}

# wine's own server is kept between programs and ended at the end: it takes longer to start than most of them.
keep_server() {
  # 2: it runs already.
  wineserver --persistent=60 || [ $? -eq 2 ]
}

# What does not end is ended: the trap of `test` sees to what is then left under wine.
within() { # seconds, program, arguments
  local code=0
  timeout --foreground --kill-after=10 "$@" || code=$?
  [ $code -ne 124 ] || say "error: not done within $1 s: ${*:2}"
  return $code
}

# Everything that is not for other systems alone. Whatever asks a judge (xorriso, openssl, Chromium …) says that it is skipped: a
# program under wine cannot start programs of this system. vmrun-qemu is for Linux.
test_all() {
  local all=(--workspace --exclude vmrun-qemu)
  cargo_for_windows clippy "${all[@]}" --all-targets -- -D warnings
  cargo_for_windows build -p lab-cli -p lab-tests --bins
  cargo_for_windows test --no-run "${all[@]}" --lib --bins --tests
  unset LAB_TESTS_REQUIRE
  keep_server
  # Each program takes a second to start under wine on a machine that is not busy, and many are started one after the other.
  within 300 python3 scripts/windows/console.py "$CARGO_TARGET_DIR/$TARGET/debug/lab-cli.exe"
  within 300 python3 scripts/windows/host.py "$CARGO_TARGET_DIR/$TARGET/debug/lab-cli.exe"
  # All is built: this is the time that the tests themselves may take.
  within 1500 cargo test --target $TARGET --no-fail-fast "${all[@]}" --lib --bins --tests
}

case ${1:-} in
  setup) setup ;;
  test)
    setup
    trap 'wineserver --kill || true' EXIT
    test_all
    ;;
  cargo)
    setup
    cargo_for_windows "${@:2}"
    ;;
  run)
    # Called once per program by cargo: nothing is set up here. Not `wine`: Debian's prints advice about 32 bits each time.
    exec "$(wine64_program)" "${@:2}"
    ;;
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  *) fail 2 "unknown argument: ${1:-}" "scripts/windows.sh --help" ;;
esac
