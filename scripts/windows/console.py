#!/usr/bin/env python3
"""console.py LAB_CLI_EXE: what only a console shows, on wine's console in a terminal of this test's own.

Ctrl-C ends a run in good order, and Korean comes out as it was meant, not doubled. WINEPREFIX must be set up.
"""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WINE = shutil.which("wine64") or "/usr/lib/wine/wine64"
SEQUENCE = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()][0-9A-B]?)")


def windows(path):
    """The same file as Windows programs name it."""
    return "Z:" + str(path).replace("/", "\\")


class Console:
    """A program on a console of 120 columns and 40 rows."""

    def __init__(self, program, arguments, directory, more):
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            subprocess.run(["stty", "cols", "120", "rows", "40"], check=True)
            os.chdir(directory)
            os.environ.update(more)
            os.execvp(WINE, [WINE, str(program), *arguments])

    def read(self, until, deadline):
        """Reads until this is seen, the program is gone, or the time is up."""
        end = time.monotonic() + deadline
        while until not in self.text() and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    part = os.read(self.terminal, 65536)
                except OSError:
                    break
                if not part:
                    break
                self.seen += part
        return self.text()

    def text(self):
        return SEQUENCE.sub(b"", self.seen).decode("utf-8", "replace")

    def type(self, keys):
        os.write(self.terminal, keys)

    def exit_code(self, deadline):
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            self.read("\0", 0.2)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        sys.exit(f"console.py: it did not end within {deadline} s: {self.text()}")


def never_answers(directory):
    """A vmrun.exe that hangs whatever it is asked."""
    program = directory / "vmrun.exe"
    source = b"#include <windows.h>\nint main(void) { Sleep(600000); return 1; }\n"
    compiler = ["x86_64-w64-mingw32-gcc", "-s", "-o", program, "-x", "c", "-"]
    subprocess.run(compiler, input=source, check=True)
    return program


def check(holds, what, console):
    if not holds:
        sys.exit(f"console.py: {what}; the console shows:\n{console.text()}\n{console.seen!r}")
    print(f"ok: {what}")


def main():
    lab_cli = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        environment = {
            "LAB_DATA_DIR": windows(directory / "data"),
            "VMRUN_PATH": windows(never_answers(directory)),
        }

        console = Console(lab_cli, ["--lang", "ko", "--progress", "plain", "up"], directory, environment)
        shown = console.read("사전", 60)
        check("사전" in shown, "Korean is shown on a console", console)
        check("사사" not in shown and "전전" not in shown, "no character of it is doubled", console)
        started = time.monotonic()
        console.type(b"\x03")
        code = console.exit_code(30)
        check(code == 130, f"Ctrl-C ends a run with exit code 130 (it was {code})", console)
        check(time.monotonic() - started < 20, "and ends it soon", console)


if __name__ == "__main__":
    main()
