#!/usr/bin/env bash
# Links for Windows with the same bytes wherever the build lies. mingw's ld puts the tables of what a program imports into the
# order of the names of the files that they come from: some of those lie in the build's directory, some in /usr. So the build's
# directory is left out of its files' names, which then always come first.
#
# LAB_LINK_ROOT: the build's directory; what the compiler writes there for the linker, $TMPDIR, lies below it.
set -euo pipefail
cd "$LAB_LINK_ROOT"
exec x86_64-w64-mingw32-gcc "${@//"$LAB_LINK_ROOT"\//./}"
