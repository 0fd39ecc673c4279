#!/usr/bin/env bash
# Installs the judge of the bill of materials, in an environment of its own that outlives a build, and prints its Python.
# Safe to repeat; quick when it is there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../lib.sh
. "$here/../../lib.sh"
venv=${LAB_CACHE_DIR:-$(cd "$here/../../.." && pwd)/.cache}/release-judge
python_venv "$venv" "$here/requirements.txt"
echo "$venv/bin/python"
