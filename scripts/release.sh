#!/usr/bin/env bash
# Makes the archives that users get: stripped programs for Linux and Windows with completions, manual pages, the licence
# texts of everything in them and a CycloneDX bill of materials, and SHA256SUMS over all of it.
#
#   scripts/release.sh                    both systems, into target/dist
#   scripts/release.sh linux|windows      one of them
#   scripts/release.sh --check [SYSTEM]   builds the programs a second time, from a copy of the sources in another
#                                         directory, and compares: the same bytes, or exit code 1
#
# LAB_DIST_DIR names another directory. The same commit and compiler give the same bytes, on whatever path.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

# A user downloads it over a slow line, and a virus scanner reads all of it at every start.
readonly LARGEST=$((15 * 1000 * 1000))
dist=${LAB_DIST_DIR:-$repo/target/dist}
check=
systems=()
for argument; do
  case $argument in
    --check) check=yes ;;
    linux | windows) systems+=("$argument") ;;
    -h | --help)
      sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail 2 "unknown argument: $argument" "scripts/release.sh --help" ;;
  esac
done
[ ${#systems[@]} -gt 0 ] || systems=(linux windows)

require_rust
install_packages git python3
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

target_of() { # system
  case $1 in
    linux) echo x86_64-unknown-linux-gnu ;;
    windows) echo x86_64-pc-windows-gnu ;;
  esac
}

programs_of() { # system
  case $1 in
    linux) echo "lab-cli vmrun-qemu vmware-vdiskmanager-qemu" ;;
    windows) echo "lab-cli.exe" ;;
  esac
}

packages_of() { # system
  case $1 in
    linux) echo "lab-cli vmrun-qemu" ;;
    windows) echo "lab-cli" ;;
  esac
}

# Paths of this machine must not be in the programs, neither from Rust nor from C; nor the time of linking.
build() { # system, sources, target directory
  local system=$1 sources=$2 out=$3 target package
  target=$(target_of "$system")
  local cargo_home=${CARGO_HOME:-$HOME/.cargo}
  local flags="--remap-path-prefix=$sources=/src --remap-path-prefix=$out=/out --remap-path-prefix=$cargo_home=/cargo"
  local -x CFLAGS="-ffile-prefix-map=$sources=/src -ffile-prefix-map=$out=/out -ffile-prefix-map=$cargo_home=/cargo"
  local arguments=(build --release --locked)
  for package in $(packages_of "$system"); do arguments+=(-p "$package"); done
  if [ "$system" = windows ]; then
    mkdir -p "$out/tmp"
    TMPDIR=$out/tmp LAB_LINK_ROOT=$out LAB_WINDOWS_LINKER=$sources/scripts/windows/link.sh \
      LAB_WINDOWS_RUSTFLAGS="$flags -Clinker-flavor=gcc -Clink-arg=-Wl,--no-insert-timestamp" LAB_WINDOWS_TARGET_DIR=$out \
      LAB_WINDOWS_DIR=$repo/target/windows "$sources/scripts/windows.sh" cargo "${arguments[@]}"
  else
    (cd "$sources" && CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$out RUSTFLAGS=$flags cargo "${arguments[@]}" --target "$target")
  fi
}

# Completions and manual pages come from the program itself; the Windows one runs under wine, from a directory of its own
# choice, and calls the root of this system's files Z:.
describe() { # system, program, directory
  local run=() shell out=$3 man=$3/man
  if [ "$1" = windows ]; then
    run=("$repo/scripts/windows.sh" run)
    man=Z:${man//\//\\}
  fi
  mkdir -p "$out/completions" "$out/man"
  for shell in bash elvish fish powershell zsh; do
    "${run[@]}" "$2" completions "$shell" >"$out/completions/lab-cli.$shell"
  done
  "${run[@]}" "$2" man "$man" >/dev/null
  [ -s "$out/man/lab-cli.1" ] || fail 1 "$2 wrote no manual pages into $out/man" "$2 man DIRECTORY"
}

pack() { # system
  local system=$1 target program size name directory
  target=$(target_of "$system")
  name=airgap-lab-$version-$target
  directory=$dist/$name
  say "building for $target"
  build "$system" "$repo" "$repo/target/release-build"
  rm -rf "$directory"
  mkdir -p "$directory/docs"
  for program in $(programs_of "$system"); do
    cp "$repo/target/release-build/$target/release/$program" "$directory/"
    size=$(stat -c %s "$directory/$program")
    [ "$size" -lt $LARGEST ] || fail 1 "$program has $size bytes, more than $LARGEST" "look at what came in: cargo bloat"
    say "$program: $size bytes"
  done
  program=$(programs_of "$system")
  describe "$system" "$directory/${program%% *}" "$directory"
  cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$directory/"
  cp docs/*.md "$directory/docs/"
  # shellcheck disable=SC2046 # names without blanks
  python3 scripts/release/bill.py "$target" $(packages_of "$system") \
    --sbom "$directory/sbom.cdx.json" --licences "$directory/THIRD-PARTY-LICENSES.txt"
  if [ "$system" = windows ]; then
    rm -f "$dist/$name.zip"
    python3 scripts/release/zip.py "$dist/$name.zip" "$directory"
  else
    tar -C "$dist" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
      -cf - "$name" | gzip -n -9 >"$dist/$name.tar.gz"
  fi
}

# From a copy in another directory: a path that got into a program shows.
compare() { # system
  local system=$1 target program copy failed=
  target=$(target_of "$system")
  copy=$(mktemp -d)
  say "building for $target again, in $copy"
  git ls-files -z | xargs -0 cp --parents -t "$copy"
  build "$system" "$copy" "$copy/target/elsewhere"
  for program in $(programs_of "$system"); do
    if cmp "$repo/target/release-build/$target/release/$program" "$copy/target/elsewhere/$target/release/$program"; then
      say "$program: the same bytes"
    else
      failed=yes
    fi
  done
  rm -rf "$copy"
  [ -z "$failed" ] || fail 1 "two builds of the same sources differ" "look for paths and times in them: strings, diffoscope"
}

mkdir -p "$dist"
for system in "${systems[@]}"; do
  pack "$system"
  [ -z "$check" ] || compare "$system"
done
(cd "$dist" && find . -maxdepth 1 -name "airgap-lab-$version-*" -type f -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS)
say "done: $dist"
cat "$dist/SHA256SUMS"
