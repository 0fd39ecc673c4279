#!/bin/bash
# Makes what a lab installs k3s from, with the stand-in in the place of the real program: DIR/k3s and
# DIR/k3s-airgap-images-amd64.tar.zst, a real image archive of tiny images named as k3s's own. Prints DIR on stdout.
# The same sources give the same bytes and, run again, leave the files untouched.
#
#   make-payload.sh DIR
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly ARCHIVE=k3s-airgap-images-amd64.tar.zst

if [ $# -ne 1 ]; then
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
for tool in zstd python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "error: make-payload.sh needs $tool; help: apt-get install $tool" >&2
    exit 3
  fi
done
mkdir -p "$1"
target=$(cd "$1" && pwd)
work=$(mktemp -d "$target/.payload.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# A file that is already what it should be keeps its time: the lab's payload image is made again only for new files.
place() { # file, name, mode
  chmod "$3" "$1"
  cmp -s "$1" "$target/$2" || mv "$1" "$target/$2"
}

cp "$here/k3s" "$work/k3s"
place "$work/k3s" k3s 0755
python3 "$here/make-images.py" | zstd -q -19 --no-progress -o "$work/$ARCHIVE"
place "$work/$ARCHIVE" "$ARCHIVE" 0644
printf '%s\n' "$target"
