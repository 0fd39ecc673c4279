#!/usr/bin/env bash
# From nothing to a running lab: one master and two workers on this machine, on Debian or Ubuntu with a Rust toolchain.
#
#   scripts/quickstart.sh           installs what is missing, builds, makes a guest image, starts a registry over TLS,
#                                   brings the lab up; again: looks, and changes nothing
#   scripts/quickstart.sh --down    takes the lab, the registry and their directory away (installed packages stay)
#
# QUICKSTART_DIR   where the lab lives, default <repository>/.cache/quickstart. lab.toml in it may be edited.
# LAB_CACHE_DIR    where the guest image is kept, default <repository>/.cache
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$repo/scripts/lib.sh"

directory=${QUICKSTART_DIR:-$repo/.cache/quickstart}
readonly PORT=5000
readonly PROGRAMS=$repo/target/release

doing=
on_exit() {
  local status=$?
  case $status in
    0) ;;
    130) say "interrupted while $doing; run this again to go on from here" ;;
    *) [ -z "$doing" ] || say "stopped while $doing (exit code $status); run this again to go on from here" ;;
  esac
}

begin() {
  doing=$1
  say "$1"
}

# Programs that outlive this script must not inherit the lock.
lab_cli() { "$PROGRAMS/lab-cli" --config "$directory/lab.toml" "$@" 9>&-; }

take_directory() {
  if [ -e "$directory" ] && [ ! -e "$directory/.quickstart" ] && [ -n "$(ls -A "$directory" 2>/dev/null)" ]; then
    fail 2 "$directory is there already and was not made by this script" "set QUICKSTART_DIR to a directory of its own"
  fi
  mkdir -p "$directory"
  directory=$(cd "$directory" && pwd)
  : >"$directory/.quickstart"
}

lock() {
  exec 9>"$directory/.lock"
  flock -n 9 || fail 1 "another quickstart works in $directory" "wait until it has finished"
}

# --- up ---------------------------------------------------------------------------------------------------------------

install_prerequisites() {
  begin "looking for what the lab needs"
  install_qemu
  install_image_tools
  install_docker_registry
  install_packages gcc libc6-dev openssh-client
}

build_programs() {
  begin "building lab-cli and vmrun-qemu"
  cargo build --quiet --release --manifest-path "$repo/Cargo.toml" -p lab-cli -p vmrun-qemu 9>&-
}

make_images() {
  begin "making the guest image and the payload (kept when nothing has changed)"
  image=$("$repo/tests/guest/build-image.sh" 9>&-)
  payload=$("$repo/tests/guest/make-payload.sh" "$directory/payload" 9>&-)
}

# Two processors for each of three guests only where there are enough of them.
write_configuration() {
  [ ! -e "$directory/lab.toml" ] || return 0
  local cpus=1
  [ "$(nproc)" -lt 8 ] || cpus=2
  cat >"$directory/lab.toml.part" <<TOML
# Written by scripts/quickstart.sh, which leaves it alone from now on: edit it and run the script again.
# \`lab-cli init\` writes a file with every key explained.

[lab]
name = "quickstart"
data_dir = "$directory/data"

[hypervisor]
kind = "qemu"

[vm]
cpus = $cpus
memory_mib = 1024
disk_gib = 10

[image]
disk = "$image"

# The stand-in k3s. For a real one, name the k3s binary and the image archive of one release here.
[k3s]
binary = "$payload/k3s"
images = "$payload/k3s-airgap-images-amd64.tar.zst"

[registry]
host = "192.168.6.1"
port = $PORT
TOML
  mv "$directory/lab.toml.part" "$directory/lab.toml"
  say "wrote $directory/lab.toml"
}

# A guest image of a new recipe has a new name, and lab.toml is the user's once it is written.
compare_image() {
  if ! grep -qF "\"$image\"" "$directory/lab.toml"; then
    say "note: lab.toml names another image than the one that the recipe makes now, $image"
  fi
}

issue_certificates() {
  begin "issuing the registry's certificate"
  lab_cli pki init >/dev/null
  certificate=$directory/data/labs/quickstart/pki/registry.crt
  key=$directory/data/labs/quickstart/pki/registry.key
  if [ ! -s "$certificate" ] || [ ! -s "$key" ]; then fail 1 "lab-cli pki init left no certificate at $certificate"; fi
}

# --- the registry -----------------------------------------------------------------------------------------------------

registry_files() {
  registry_config=$directory/registry.yml
  registry_pid=$directory/registry.pid
  registry_log=$directory/registry.log
}

# The pid of our registry, if it runs: a pid file alone proves nothing after a reboot.
running_registry() {
  local pid
  pid=$(cat "$registry_pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$registry_config" || return 1
  echo "$pid"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

who_listens() {
  local line
  line=$(as_root ss -Hltnp "sport = :$PORT" 2>/dev/null | grep -o 'users:.*' | head -n 1) || true
  echo "${line:-a program of another user}"
}

start_registry() {
  registry_files
  local wanted pid
  # JSON is YAML, and has one way of quoting a path.
  wanted=$(CERT=$certificate KEY=$key STORE=$directory/registry-data ADDRESS=127.0.0.1:$PORT python3 -c '
import json, os
print(json.dumps({
    "version": 0.1,
    "log": {"level": "warn"},
    "storage": {"filesystem": {"rootdirectory": os.environ["STORE"]}, "delete": {"enabled": True}},
    "http": {"addr": os.environ["ADDRESS"], "tls": {"certificate": os.environ["CERT"], "key": os.environ["KEY"]}},
}, indent=2))')
  local fingerprint
  fingerprint=$(printf '%s' "$wanted" | cat - "$certificate" "$key" | sha256sum | cut -d' ' -f1)
  if pid=$(running_registry); then
    if [ "$(cat "$directory/registry.started-with" 2>/dev/null)" = "$fingerprint" ] && port_is_taken; then
      return 0
    fi
    begin "restarting the registry with its new certificate"
    stop_registry
  else
    begin "starting the registry on 127.0.0.1:$PORT"
  fi
  if port_is_taken; then
    fail 3 "port $PORT on this machine, which the registry needs, is taken by $(who_listens)" \
      "stop that program, or change registry.port in a lab.toml of your own and use lab-cli directly"
  fi
  printf '%s\n' "$wanted" >"$registry_config"
  mkdir -p "$directory/registry-data"
  # Telemetry would look for a collector on the network.
  OTEL_TRACES_EXPORTER=none setsid nohup docker-registry serve "$registry_config" >"$registry_log" 2>&1 </dev/null 9>&- &
  pid=$!
  echo "$pid" >"$registry_pid"
  local tries=0
  until port_is_taken; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
      tail -n 5 "$registry_log" >&2
      fail 1 "docker-registry did not start" "its log is $registry_log"
    fi
    sleep 0.1
  done
  printf '%s\n' "$fingerprint" >"$directory/registry.started-with"
}

stop_registry() {
  registry_files
  local pid tries=0
  pid=$(running_registry) || return 0
  kill "$pid"
  while running_registry >/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -ne 50 ] || kill -KILL "$pid"
    [ "$tries" -lt 60 ] || fail 1 "the registry, process $pid, does not end"
    sleep 0.1
  done
  rm -f "$registry_pid" "$directory/registry.started-with"
}

up() {
  require_rust
  take_directory
  lock
  install_prerequisites
  build_programs
  make_images
  write_configuration
  compare_image
  issue_certificates
  start_registry
  begin "bringing the lab up"
  lab_cli up
  doing=
  say "done after $SECONDS s. Go on with:  export LAB_CONFIG=$directory/lab.toml"
  say "            then for example:  ${PROGRAMS#"$PWD"/}/lab-cli status    or    ${PROGRAMS#"$PWD"/}/lab-cli ssh k3s-master1"
  say "               to take it away:  scripts/quickstart.sh --down"
}

# --- down -------------------------------------------------------------------------------------------------------------

down() {
  if [ ! -e "$directory/.quickstart" ]; then
    say "there is no quickstart lab in $directory"
    return 0
  fi
  directory=$(cd "$directory" && pwd)
  lock
  if [ -e "$directory/data" ]; then
    if [ ! -x "$PROGRAMS/lab-cli" ] || [ ! -x "$PROGRAMS/vmrun-qemu" ]; then
      require_rust
      build_programs
    fi
    begin "taking the machines away"
    lab_cli destroy --yes
  fi
  begin "stopping the registry"
  stop_registry
  rm -rf "$directory"
  doing=
  say "the quickstart lab is gone; the guest image is kept in ${LAB_CACHE_DIR:-$repo/.cache}"
}

trap on_exit EXIT
trap 'exit 130' INT TERM HUP

case ${1:-} in
  '') up ;;
  --down) down ;;
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  *)
    doing=
    fail 2 "unknown argument: $1" "scripts/quickstart.sh --help"
    ;;
esac
