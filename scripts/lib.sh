# shellcheck shell=bash
# What the scripts here share: messages with a time, looking for Rust, installing Debian packages. Sourced, not run.

# The oldest Rust that the workspace builds with; Cargo.toml says the same.
readonly RUST_MINIMUM=1.89

say() { printf '%(%F %T)T %s\n' -1 "$*" >&2; }
fail() { # exit code, what is wrong, what to do about it
  say "error: $2"
  [ -z "${3:-}" ] || printf '%20shelp: %s\n' '' "$3" >&2
  exit "$1"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# Ends the script with exit code 3 unless there is a Rust toolchain that is new enough.
require_rust() {
  if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
  fi
  local how="install Rust $RUST_MINIMUM or newer with rustup (https://rustup.rs), then run this again"
  if ! have cargo || ! have rustc; then fail 3 "there is no Rust toolchain, which builds the programs" "$how"; fi
  local version
  version=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n' "$RUST_MINIMUM" "$version" | sort -V | head -n 1)" != "$RUST_MINIMUM" ]; then
    fail 3 "Rust $version is too old, the programs need $RUST_MINIMUM" "rustup update stable"
  fi
}

is_installed() { # package
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_lists_are_fresh=
apt_update() {
  [ -z "$apt_lists_are_fresh" ] || return 0
  as_root apt-get -qq update >&2 || fail 3 "apt-get update failed, so no package can be installed" "see its messages above"
  apt_lists_are_fresh=yes
}

apt_get_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >&2
}

# Installs those of the named packages that are missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  have apt-get || fail 3 "these packages are missing: ${missing[*]}" "install them; this script can do that on Debian and Ubuntu only"
  [ "$(id -u)" -eq 0 ] || have sudo || fail 3 "these packages are missing: ${missing[*]}" "apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  apt_update
  apt_get_install "${missing[@]}" || fail 3 "apt-get could not install ${missing[*]}" "see its messages above"
}

# An environment of Python's own that outlives a build; made anew when its requirements change.
python_venv() { # directory, requirements
  local stamp=$1/requirements.sha256 wanted
  wanted=$(sha256sum "$2" | cut -d' ' -f1)
  if [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ]; then return 0; fi
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || install_packages python3-venv
  rm -rf "$1"
  python3 -m venv "$1" >&2
  timeout 300 "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2" >&2
  echo "$wanted" >"$stamp"
}

# QEMU's system emulator has to be of one version with the qemu-utils that may be there already, and those may come
# from backports although backports is not among the machine's sources. Then it is asked for there, for this one call.
install_qemu() {
  ! is_installed qemu-system-x86 || return 0
  if is_installed qemu-utils && have apt-get; then
    local version
    version=$(dpkg-query -W -f '${Version}' qemu-utils)
    apt_update
    if ! apt-cache madison qemu-system-x86 | cut -d'|' -f2 | tr -d ' ' | grep -qxF "$version"; then
      install_qemu_from_backports "$version" && return 0
      say "qemu-utils is $version, which no source has for qemu-system-x86; installing the one there is"
    fi
  fi
  install_packages qemu-system-x86
}

install_qemu_from_backports() { # version
  local suite mirror key scratch status=0
  # shellcheck source=/dev/null
  suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # these are apt's variables
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CREATED_BY)' 2>/dev/null |
    awk -v suite="$suite" '$2 == suite && $3 == "Packages" { print $1; exit }')
  # shellcheck disable=SC2016
  key=$(apt-get indextargets --format '$(RELEASE) $(SIGNED_BY)' 2>/dev/null |
    awk -v suite="$suite" '$1 == suite && $2 ~ "^/" { print $2; exit }')
  [ -n "$suite" ] && [ -n "$mirror" ] || return 1
  scratch=$(mktemp -d)
  chmod 755 "$scratch"
  mkdir -p "$scratch/sources" "$scratch/lists/partial"
  cp /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources "$scratch/sources/" 2>/dev/null || true
  if [ -f /etc/apt/sources.list ]; then cp /etc/apt/sources.list "$scratch/sources/main.list"; fi
  printf 'deb %s%s %s-backports main\n' "${key:+[signed-by=$key] }" "$mirror" "$suite" >"$scratch/sources/extra.list"
  local options=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$scratch/sources" -o "Dir::State::Lists=$scratch/lists")
  say "installing qemu-system-x86 $1 from $suite-backports, to match qemu-utils"
  if as_root apt-get -qq "${options[@]}" update >&2 &&
    apt-cache "${options[@]}" madison qemu-system-x86 | cut -d'|' -f2 | tr -d ' ' | grep -qxF "$1"; then
    apt_get_install "${options[@]}" -t "$suite-backports" "qemu-system-x86=$1" "qemu-system-common=$1" "qemu-system-data=$1" || status=1
  else
    status=1
  fi
  as_root rm -rf "$scratch"
  return $status
}

# Debian's registry package starts a service, which this never wants. A service that was there before is left alone.
install_docker_registry() {
  ! is_installed docker-registry || return 0
  local unit=docker-registry.service
  if [ ! -d /run/systemd/system ]; then
    install_packages docker-registry
    return 0
  fi
  as_root systemctl mask --quiet "$unit"
  install_packages docker-registry
  as_root systemctl unmask --quiet "$unit"
  as_root systemctl disable --quiet "$unit" 2>/dev/null || true
}

# What making the guest image and the payload needs.
install_image_tools() {
  install_packages mmdebstrap debian-archive-keyring e2fsprogs fdisk grub-common grub-pc-bin qemu-utils python3 zstd
  [ "$(id -u)" -eq 0 ] || install_packages uidmap
}
