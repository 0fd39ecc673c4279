#!/usr/bin/env bash
# Installs the judge of the bill of materials, in an environment of its own that outlives a build, and prints its Python.
# Safe to repeat; quick when it is there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../lib.sh
. "$here/../../lib.sh"
venv=${LAB_CACHE_DIR:-$(cd "$here/../../.." && pwd)/.cache}/release-judge
stamp=$venv/requirements.sha256
wanted=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
  install_packages python3-venv
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  echo "$wanted" >"$stamp"
fi
echo "$venv/bin/python"
