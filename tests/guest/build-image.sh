#!/bin/bash
# Makes the guest test image: a Debian disk that boots by BIOS, from Debian packages, without root and without loop
# devices. Prints the image's path on stdout; progress goes to stderr.
#
#   build-image.sh [--out FILE.vmdk]
#
# The image is kept in ${LAB_CACHE_DIR:-<repository>/.cache} under the hash of its recipe (this script and image/), and
# is made again only when the recipe changes. An interrupted build leaves nothing behind.
#
# LAB_DEBIAN_MIRROR  where packages come from; the default is what mmdebstrap chooses.
set -euo pipefail

readonly SUITE=trixie
readonly DISK_SIZE=$((10 * 1024 * 1024 * 1024))
readonly PARTITION_OFFSET=$((1024 * 1024))
readonly LABEL=cloudimg-rootfs
# Fixed, so that the same packages give the same filesystem.
readonly FS_UUID=6c616267-7565-7374-9000-000000000001
readonly DISK_ID=0x6c616267
# What core.img needs to find the root filesystem by its label and to read grub.cfg from it.
readonly GRUB_MODULES=(biosdisk part_msdos ext2 search search_label serial terminal configfile normal linux minicmd echo)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
cache=${LAB_CACHE_DIR:-$repo/.cache}
work=

say() { printf '%(%F %T)T guest image: %s\n' -1 "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

usage() {
  sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# Runs a command as the root of a user namespace (or as root, where we are root).
as_guest_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else mmdebstrap --unshare-helper "$@"; fi
}

cleanup() {
  if [ -n "$work" ]; then
    as_guest_root rm -rf "$work/root" "$work/disk.fs" 2>/dev/null || true
    rm -rf "$work"
  fi
}

require() {
  local missing=() tool package
  while read -r tool package; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || missing+=("$package")
  done <<'TOOLS'
mmdebstrap mmdebstrap
mke2fs e2fsprogs
sfdisk fdisk
grub-mkimage grub-common
qemu-img qemu-utils
TOOLS
  [ -e /usr/lib/grub/i386-pc/boot.img ] || missing+=(grub-pc-bin)
  if [ ${#missing[@]} -gt 0 ]; then
    say "error: the guest image cannot be built without these packages: ${missing[*]}"
    say "help: apt-get install ${missing[*]}"
    exit 3
  fi
}

recipe_hash() {
  cd "$here"
  find build-image.sh image -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
}

# The root filesystem as a tar of Debian packages.
# shellcheck disable=SC2016 # the hook's $1 is mmdebstrap's
build_root() {
  say "installing Debian $SUITE packages"
  tar -C "$here/image/overlay" --sort=name --owner=root:0 --group=root:0 --mode=go-w -cf "$work/overlay.tar" .
  tar -C "$here" --sort=name --owner=root:0 --group=root:0 -cf "$work/recipe.tar" image/setup.sh image/initrd
  local packages
  packages=$(sed 's/#.*//' "$here/image/packages.txt" | tr -s '\n ' ',' | sed 's/^,//; s/,$//')
  mmdebstrap --mode=auto --variant=minbase --format=tar --architectures=amd64 \
    --aptopt='Apt::Install-Recommends "false"' --dpkgopt="$here/image/dpkg-excludes.conf" \
    --dpkgopt='force-unsafe-io' \
    --include="$packages" \
    --essential-hook="tar-in $work/overlay.tar /" \
    --customize-hook="tar-in $work/recipe.tar /root" \
    --customize-hook='chroot "$1" sh /root/image/setup.sh && rm -r "$1/root/image"' \
    "$SUITE" "$work/root.tar" ${LAB_DEBIAN_MIRROR:+"$LAB_DEBIAN_MIRROR"} >&2
}

# An MBR disk with one ext4 partition, and GRUB in the gap before it.
# shellcheck disable=SC2016 # the inner shell expands its own arguments, and GRUB its own variables
build_disk() {
  say "laying out the disk"
  local partition_bytes=$((DISK_SIZE - PARTITION_OFFSET))
  as_guest_root sh -euc '
    mkdir "$1/root"
    tar -C "$1/root" --numeric-owner -xf "$1/root.tar"
    PATH=$PATH:/usr/sbin:/sbin E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -t ext4 -L "$2" -U "$3" -E "offset=$4,hash_seed=$3,nodiscard,lazy_itable_init=0,lazy_journal_init=0" -i 32768 -m 1 -d "$1/root" "$1/disk.raw" "$5k"
    rm -rf "$1/root"
  ' sh "$work" "$LABEL" "$FS_UUID" "$PARTITION_OFFSET" "$((partition_bytes / 1024))"
  PATH=$PATH:/usr/sbin:/sbin sfdisk --quiet "$work/disk.raw" <<SFDISK
label: dos
label-id: $DISK_ID
start=$((PARTITION_OFFSET / 512)), type=83, bootable
SFDISK
  printf 'search --no-floppy --set=root --label %s\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
    "$LABEL" > "$work/early.cfg"
  grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -c "$work/early.cfg" -o "$work/core.img" "${GRUB_MODULES[@]}"
  [ "$(stat -c %s "$work/core.img")" -lt $((PARTITION_OFFSET - 512)) ] || die "GRUB's core.img does not fit before the partition"
  # The first 440 bytes are code; the disk's id and the partition table follow.
  dd if=/usr/lib/grub/i386-pc/boot.img of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
  dd if="$work/core.img" of="$work/disk.raw" bs=512 seek=1 conv=notrunc status=none
}

main() {
  local out=
  while [ $# -gt 0 ]; do
    case $1 in
      --out) out=${2:?--out needs a file}; shift 2 ;;
      --out=*) out=${1#--out=}; shift ;;
      -h | --help) usage; exit 0 ;;
      *) say "error: unknown argument: $1"; usage >&2; exit 2 ;;
    esac
  done
  local target
  mkdir -p "$cache"
  target=$cache/guest-$(recipe_hash).vmdk
  if [ ! -e "$target" ]; then
    require
    exec 9> "$cache/guest.lock"
    flock 9
  fi
  if [ ! -e "$target" ]; then
    trap cleanup EXIT
    trap 'exit 130' INT TERM HUP
    work=$(mktemp -d "${TMPDIR:-/tmp}/guest-image.XXXXXX")
    chmod 0777 "$work"
    truncate -s "$DISK_SIZE" "$work/disk.raw"
    chmod 0666 "$work/disk.raw"
    build_root
    build_disk
    say "writing $target"
    qemu-img convert -q -f raw -O vmdk -o subformat=monolithicSparse "$work/disk.raw" "$target.$$.part"
    mv "$target.$$.part" "$target"
    say "done: $(du -h "$target" | cut -f1) after ${SECONDS} s"
  fi
  if [ -n "$out" ]; then
    cp --sparse=always "$target" "$out.$$.part"
    mv "$out.$$.part" "$out"
    target=$out
  fi
  printf '%s\n' "$target"
}

main "$@"
