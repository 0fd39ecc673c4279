#!/usr/bin/env python3
"""What a program was made of: a CycloneDX bill of materials, and the licence texts of everything linked into it.

    bill.py TARGET PROGRAM... --sbom FILE --licences FILE

Both come from `cargo metadata` for the target, so from Cargo.lock: the crates that the programs link, not those that only
tests or build scripts use. Same input, same bytes; the time is SOURCE_DATE_EPOCH.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

# File names under which packages keep the texts that have to go along with their code.
TEXT = re.compile(r"^(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)


def metadata(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def built(target, programs):
    """(name, version) of what the compiler is given for the programs. `cargo metadata` knows more: also what a feature
    that only tests turn on brings in."""
    command = ["cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none"]
    command += ["--format", "{p}"] + [word for name in programs for word in ("--package", name)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {(line.split()[0], line.split()[1].removeprefix("v")) for line in lines if line}


def linked(data, programs, target):
    """The packages that the programs link, themselves included, and which of them each one uses."""
    wanted = built(target, programs)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    by_name = {packages[member]["name"]: member for member in data["workspace_members"]}
    unknown = [name for name in programs if name not in by_name]
    if unknown:
        sys.exit(f"bill.py: not in the workspace: {', '.join(unknown)}")
    uses, todo = {}, [by_name[name] for name in programs]
    while todo:
        one = todo.pop()
        if one in uses:
            continue
        uses[one] = sorted(
            dep["pkg"]
            for dep in nodes[one]["deps"]
            if any(kind["kind"] is None for kind in dep["dep_kinds"])
            and (packages[dep["pkg"]]["name"], packages[dep["pkg"]]["version"]) in wanted
        )
        todo += uses[one]
    return {one: packages[one] for one in sorted(uses)}, uses


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def expression(package):
    """The licence as an SPDX expression; old manifests write `MIT/Apache-2.0`."""
    return (package["license"] or "").replace("/", " OR ")


def component(package):
    entry = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package["description"]:
        entry["description"] = " ".join(package["description"].split())
    if expression(package):
        entry["licenses"] = [{"expression": expression(package)}]
    if package["repository"]:
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def sbom(packages, uses, programs, target, checksums, epoch):
    own = sorted(reference(p) for p in packages.values() if p["source"] is None and p["name"] in programs)
    main = next(p for p in packages.values() if p["name"] == programs[0] and p["source"] is None)
    components = [component(package) for package in packages.values() if package is not main]
    for entry in components:
        digest = checksums.get((entry["name"], entry["version"]))
        if digest:
            entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    dependencies = [
        {"ref": reference(packages[one]), "dependsOn": sorted({reference(packages[dep]) for dep in deps})}
        for one, deps in sorted(uses.items(), key=lambda item: reference(packages[item[0]]))
    ]
    application = component(main) | {"type": "application"}
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([target, own, dependencies], sort_keys=True))
    time = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": application,
            "properties": [{"name": "target", "value": target}],
        },
        "components": sorted(components, key=lambda entry: entry["bom-ref"]),
        "dependencies": dependencies,
    }


def checksums(lockfile):
    """(name, version) -> SHA-256 of the package's archive, as Cargo.lock has it."""
    found, name, version = {}, None, None
    for line in lockfile.read_text().splitlines():
        key, _, value = line.partition(" = ")
        value = value.strip('"')
        if key == "name":
            name = value
        elif key == "version":
            version = value
        elif key == "checksum":
            found[name, version] = value
    return found


def texts(package):
    directory = pathlib.Path(package["manifest_path"]).parent
    return sorted(path for path in directory.iterdir() if path.is_file() and TEXT.match(path.name))


def licences(packages):
    """Every text once, with the packages that it belongs to."""
    found, without = {}, []
    for package in packages.values():
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']} ({expression(package) or 'see its text'})"
        files = texts(package)
        if not files:
            without.append(f"{name}, {package['repository'] or 'no repository named'}")
        for path in files:
            text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()
            found.setdefault(text, []).append(name)
    parts = ["Licences of the libraries in these programs. Those of the programs themselves are LICENSE-MIT and LICENSE-APACHE."]
    for text, names in sorted(found.items(), key=lambda item: item[1]):
        parts.append("=" * 100 + "\n" + "\n".join(sorted(set(names))) + "\n" + "-" * 100 + "\n" + text)
    if without:
        parts.append("=" * 100 + "\nThese packages name their licence and come without its text:\n" + "\n".join(sorted(without)))
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--sbom", type=pathlib.Path, required=True)
    parser.add_argument("--licences", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    data = metadata(arguments.target)
    packages, uses = linked(data, arguments.programs, arguments.target)
    lockfile = pathlib.Path(data["workspace_root"]) / "Cargo.lock"
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    bill = sbom(packages, uses, arguments.programs, arguments.target, checksums(lockfile), epoch)
    arguments.sbom.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    arguments.licences.write_text(licences(packages), encoding="utf-8")


if __name__ == "__main__":
    main()
