#!/usr/bin/env python3
"""host.py LAB_CLI_EXE: what `lab-cli` finds on a Windows machine, and where it puts its own things.

VMware is where the registry or Program Files say, its networks are those of the registry, data and configuration are in the
Known Folders, private for their owner, on paths with blanks and Hangul. The wine prefix in WINEPREFIX is the machine: what
is put into it is taken out again.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from wine import DRIVE_C, WINE, check, compiled, windows

HERE = pathlib.Path(__file__).resolve().parent
VMWARE = r"HKLM\SOFTWARE\WOW6432Node\VMware, Inc."
NETWORKS = VMWARE + r"\VMnetLib\VMnetConfig"
LAB_CLI = pathlib.Path(sys.argv[1]).resolve()


def ran(*command, **more):
    environment = os.environ | more.pop("env", {})
    for name in more.pop("unset", ()):
        environment.pop(name, None)
    command = [WINE, *map(str, command)]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, env=environment, **more)


def said(done):
    return f"exit code {done.returncode}\n{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}"


def registry(*arguments):
    done = ran("reg", *arguments, "/f")
    if done.returncode != 0:
        sys.exit(f"host.py: reg {arguments}: {said(done)}")


@contextlib.contextmanager
def installed(folder):
    """VMware's vmrun.exe in a folder."""
    first = next(part for part in (folder, *folder.parents) if part.parent.exists())
    compiled(HERE / "vmrun.c", folder / "vmrun.exe")
    try:
        yield folder / "vmrun.exe"
    finally:
        shutil.rmtree(first)


@contextlib.contextmanager
def registered(key, **values):
    registry("add", key)
    for name, value in values.items():
        registry("add", key, "/v", name, "/t", "REG_SZ", "/d", value)
    try:
        yield
    finally:
        registry("delete", VMWARE)


def checks(directory):
    done = ran(LAB_CLI, "--output", "json", "doctor", cwd=directory, env={"LAB_DATA_DIR": windows(directory / "data")}, unset=["VMRUN_PATH"])
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"host.py: doctor printed no JSON: {said(done)}")
    found = answer if isinstance(answer, list) else answer["checks"]
    return {one["id"]: one for one in found}


def finds_vmware(directory):
    none = checks(directory)["hypervisor"]
    check(none["status"] == "failed" and "was found" in none["detail"], "where there is no VMware, doctor says so", none)

    program_files = DRIVE_C / "Program Files (x86)/VMware/VMware Workstation"
    with installed(program_files) as vmrun:
        found = checks(directory)["hypervisor"]
        check(windows(vmrun) in found["detail"] and found["status"] == "ok", "vmrun.exe is found in Program Files", found)

        place = DRIVE_C / "가상 머신/VMware Workstation"
        with installed(place) as vmrun, registered(VMWARE + r"\VMware Workstation", InstallPath=windows(place) + "\\"):
            found = checks(directory)["hypervisor"]
            check(windows(vmrun) in found["detail"], "where the registry says comes before Program Files", found)

        with registered(NETWORKS + r"\vmnet1", IPSubnetAddress="192.168.137.0", IPSubnetMask="255.255.255.0"):
            other = checks(directory)["network"]
            check(
                other["status"] == "failed" and "192.168.137.0/24" in other["detail"] and "192.168.6.0/24" in other["detail"],
                "doctor says which subnet VMnet1 has instead of the lab's",
                other,
            )
            check(
                "vnetlib64.exe" in other["remedy"] and "set vnet vmnet1 addr 192.168.6.0" in other["remedy"],
                "and how to change it",
                other,
            )
        with registered(NETWORKS + r"\vmnet1", IPSubnetAddress="192.168.6.0"):
            good = checks(directory)["network"]
            check(good["status"] == "ok", "a VMnet1 that fits is good", good)


def check_private(root):
    """wine keeps an access list as permissions, in which the owner is also the group. It lets nothing be inherited: what is made
    the usual way in a private directory is looked at by its directory alone."""
    private = [path for path in (root, *root.rglob("*")) if path.is_dir() or path.suffix == ".key"]
    open_to_others = [path for path in private if path.stat().st_mode & 0o007]
    check(len(private) > 5 and not open_to_others, "directories and keys are closed to others", open_to_others)


def uses_known_folders(directory):
    users = DRIVE_C / "users" / os.environ.get("USER", "root")
    local, roaming = (users / "AppData" / name / "airgap-lab" for name in ("Local", "Roaming"))
    if local.exists() or roaming.exists():
        sys.exit(f"host.py: {local} or {roaming} is there already")
    roaming.mkdir(parents=True)
    (roaming / "lab.toml").write_text('[lab]\nname = "roaming"\n')
    try:
        # Without the variables only the system knows where the folders are.
        line = f"set APPDATA=&set LOCALAPPDATA=&{windows(LAB_CLI)} pki init"
        for command in ([LAB_CLI, "pki", "init"], ["cmd", "/c", line]):
            done = ran(*command, cwd=directory, unset=["LAB_DATA_DIR", "LAB_CONFIG"])
            check(
                done.returncode == 0 and (local / "labs/roaming/pki").is_dir(),
                f"configuration from %APPDATA%, data in %LOCALAPPDATA% ({'by the variables' if command[0] == LAB_CLI else 'by the system'})",
                said(done),
            )
            check_private(local)
            shutil.rmtree(local)
    finally:
        shutil.rmtree(roaming)
        shutil.rmtree(local, ignore_errors=True)


def takes_any_path(directory):
    data = directory / "긴 경로" / "/".join(["a directory with blanks and 빈칸, as long as that"] * 5) / "data"
    check(len(windows(data)) > 260, "(the path is a long one)", len(windows(data)))
    env = {"LAB_DATA_DIR": windows(data)}
    for command in (["pki", "init"], ["pki", "show"], ["timings", "list"], ["status"]):
        done = ran(LAB_CLI, "--lang", "ko", *command, cwd=directory, env=env)
        for stream in (done.stdout, done.stderr):
            stream.decode()  # UTF-8, or this ends here
        check(done.returncode in (0, 3, 5), f"{' '.join(command)} on a long path with blanks and Hangul", said(done))
    check_private(data)


def knows_the_commands_of_the_guide(directory):
    """Every `lab-cli …` that docs/windows.md has a person type is one that it knows."""
    guide = (HERE.parent.parent / "docs/windows.md").read_text()
    blocks = "\n".join(re.findall(r"^ *```powershell\n(.*?)^ *```$", guide, re.DOTALL | re.MULTILINE))
    commands = sorted(set(re.findall(r"\blab-cli((?: +(?:--)?[a-z][a-z0-9-]*)+)", blocks)))
    check(len(commands) > 10, "(the guide has commands)", commands)
    for command in commands:
        done = ran(LAB_CLI, *command.split(), "--help", cwd=directory)
        check(done.returncode == 0, f"the guide's lab-cli{command}", said(done))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        finds_vmware(directory)
        uses_known_folders(directory)
        takes_any_path(directory)
        knows_the_commands_of_the_guide(directory)


if __name__ == "__main__":
    main()
