"""What the tests here share: Windows programs under wine, their files, small programs made with mingw."""

import os
import pathlib
import shutil
import subprocess
import sys

WINE = shutil.which("wine64") or "/usr/lib/wine/wine64"
DRIVE_C = pathlib.Path(os.environ["WINEPREFIX"]) / "drive_c"


def windows(path):
    """The same file as Windows programs name it."""
    path = pathlib.Path(path)
    if path.is_relative_to(DRIVE_C):
        return "C:\\" + str(path.relative_to(DRIVE_C)).replace("/", "\\")
    return "Z:" + str(path).replace("/", "\\")


def compiled(source, program):
    """A program of a few lines of C."""
    program.parent.mkdir(parents=True, exist_ok=True)
    compiler = ["x86_64-w64-mingw32-gcc", "-municode", "-Wall", "-Werror", "-s", "-o", program, "-x", "c", source]
    subprocess.run(compiler, check=True)
    return program


def check(holds, what, shown):
    """Says that it holds, or ends the test with what is shown instead."""
    if not holds:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: does not hold: {what}\n{shown}")
    print(f"ok: {what}", flush=True)
