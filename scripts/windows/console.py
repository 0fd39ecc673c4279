#!/usr/bin/env python3
"""console.py LAB_CLI_EXE: what only a console shows, on wine's console in a terminal of this test's own.

Korean comes out as it was meant, not doubled; Ctrl-C, Ctrl-Break and the closing of the window end a run in good order;
a second Ctrl-C ends it at once; what vmrun is given is no window, and not this console. WINEPREFIX must be set up.
"""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

from wine import WINE, check, compiled, windows

HERE = pathlib.Path(__file__).resolve().parent
SEQUENCE = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>()][0-9A-B]?)")


class Console:
    """A program on a console of 120 columns and 40 rows."""

    def __init__(self, arguments, directory, more):
        self.seen = b""
        self.code = None
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            subprocess.run(["stty", "cols", "120", "rows", "40"], check=True)
            os.chdir(directory)
            os.environ.update(more)
            os.execvp(WINE, [WINE, *map(str, arguments)])

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


class Place:
    """A directory with a vmrun.exe that never answers, and a data directory of its own."""

    def __init__(self, directory, lab_cli):
        self.directory = pathlib.Path(directory)
        self.lab_cli = lab_cli
        self.vmrun = compiled(HERE / "vmrun.c", self.directory / "vmrun.exe")
        self.press_exe = compiled(HERE / "press.c", self.directory / "press.exe")
        (self.directory / "hang").touch()
        self.environment = {
            "LAB_DATA_DIR": windows(self.directory / "data"),
            "VMRUN_PATH": windows(self.vmrun),
        }

    def up(self, *arguments, pressed=False):
        """`up`, at work; `pressed`: through press.exe."""
        command = [self.lab_cli, *arguments, "--progress", "plain", "up"]
        if pressed:
            command = [self.press_exe, windows(self.directory), windows(self.lab_cli), *command[1:]]
        return Console(command, self.directory, self.environment)

    def long_read(self):
        """`image import` of a disk that takes minutes to read, as soon as it is read. The disk is a hole."""
        disk = self.directory / "huge.vmdk"
        disk.write_bytes(b"KDMV\1\0\0\0")
        os.truncate(disk, 256 << 30)
        console = Console([self.lab_cli, "image", "import", disk.name], self.directory, self.environment)
        end = time.monotonic() + 60
        while not is_open(disk) and time.monotonic() < end:
            console.read("\0", 0.1)
        return console

    def console_of_vmrun(self):
        """What vmrun.exe wrote, as soon as it was called."""
        written = self.directory / "console"
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if written.exists() and written.read_text().endswith("\n"):
                return written.read_text()
            time.sleep(0.05)
        return "vmrun.exe was not called"

    def press(self, keys):
        part = self.directory / "press.part"
        part.write_text(keys)
        part.rename(self.directory / "press")


def is_open(path):
    """Whether a process that can be looked into has it open."""
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == str(path):
                return True
        except OSError:
            pass
    return False


def second_one_ends_it_at_once(console):
    console.type(b"\x03")
    shown = console.read("interrupted: ending cleanly", 20)
    check("interrupted: ending cleanly" in shown, "the first Ctrl-C is heard during a long read", shown)
    console.read("\0", 0.5)
    started = time.monotonic()
    console.type(b"\x03")
    code, took = console.exit_code(30), time.monotonic() - started
    check(code == 130 and took < 3, f"a second one ends it at once (exit code {code}, after {took:.1f} s)", console.text())


def ends_in_order(console, what, press):
    started = time.monotonic()
    press()
    code = console.exit_code(30)
    shown = console.text()
    check(code == 130, f"{what} ends a run with exit code 130 (it was {code})", shown)
    check(time.monotonic() - started < 20, f"{what}: and ends it soon", shown)
    # The console may break lines where it likes.
    words = shown.replace("\r", "").replace("\n", " ")
    check("Stage durations:" in words and "cancelled" in words, f"{what}: the summary is there, and says so", shown)
    check("lab-cli up" in words, f"{what}: and so is how to go on", shown)


def main():
    lab_cli = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as directory:
        place = Place(directory, lab_cli)
        console = place.up("--lang", "ko")
        shown = console.read("사전", 60)
        check("사전" in shown, "Korean is shown on a console", shown)
        check("사사" not in shown and "전전" not in shown, "no character of it is doubled", shown)
        shares = place.console_of_vmrun()
        console.type(b"\x03")
        check(console.exit_code(30) == 130, "Ctrl-C ends a Korean run", console.text())
        check(shares == "1 hidden\n", "vmrun has a console of its own and no window: no key of ours reaches it", shares)

        console = place.up("--lang", "en")
        console.read("started: Prerequisites", 60)
        ends_in_order(console, "Ctrl-C", lambda: console.type(b"\x03"))

        second_one_ends_it_at_once(place.long_read())

        for keys, what in (("break", "Ctrl-Break"), ("close", "closing the window")):
            console = place.up("--lang", "en", pressed=True)
            console.read("started: Prerequisites", 60)
            ends_in_order(console, what, lambda: place.press(keys))


if __name__ == "__main__":
    main()
