#!/usr/bin/env python3
"""The bill of materials of this workspace itself."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TARGET = "x86_64-pc-windows-gnu"


def judge():
    """The Python that CycloneDX's own validator is installed in; None where it cannot be had."""
    done = subprocess.run([HERE / "judge/install.sh"], stdout=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return done.stdout.strip()
    if os.environ.get("LAB_TESTS_REQUIRE"):
        sys.exit("test_bill.py: CycloneDX's validator cannot be installed")
    return None


def made(directory, epoch="86400"):
    files = pathlib.Path(directory) / "sbom.json", pathlib.Path(directory) / "licences.txt"
    command = [sys.executable, HERE / "bill.py", TARGET, "lab-cli", "--sbom", files[0], "--licences", files[1]]
    subprocess.run(command, check=True, cwd=HERE.parent.parent, env=os.environ | {"SOURCE_DATE_EPOCH": epoch})
    return [path.read_text(encoding="utf-8") for path in files]


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            cls.text, cls.licences = made(directory)
            cls.again = made(directory)
        cls.bill = json.loads(cls.text)
        cls.names = {entry["name"] for entry in cls.bill["components"]}

    def test_has_what_is_linked_and_nothing_that_only_tests_or_the_compiler_use(self):
        self.assertLessEqual({"clap", "russh", "ring", "vmrun-rs", "windows-registry"}, self.names)
        self.assertFalse({"insta", "proptest", "mockall", "serde_derive", "vmrun-qemu", "rustix"} & self.names)

    def test_every_reference_leads_somewhere_and_none_is_there_twice(self):
        references = [entry["bom-ref"] for entry in self.bill["components"]]
        references.append(self.bill["metadata"]["component"]["bom-ref"])
        self.assertEqual(len(references), len(set(references)))
        for entry in self.bill["dependencies"]:
            self.assertIn(entry["ref"], references)
            self.assertLessEqual(set(entry["dependsOn"]), set(references))
        self.assertEqual(sorted(references), [entry["ref"] for entry in self.bill["dependencies"]])

    def test_it_is_what_cyclonedx_says_and_the_judge_can_say_no(self):
        python = judge()
        if not python:
            self.skipTest("CycloneDX's validator cannot be installed")
        wrong = self.bill | {"components": [self.bill["components"][0] | {"type": "thing"}]}
        for text, good in ((self.text, True), (json.dumps(wrong), False)):
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                done = subprocess.run([python, HERE / "judge/judge.py", file.name], capture_output=True, text=True)
            self.assertEqual(done.returncode == 0, good, done.stderr)
            self.assertEqual("not CycloneDX" in done.stderr, not good, done.stderr)

    def test_every_foreign_package_has_a_licence_and_the_checksum_of_its_archive(self):
        own = {"vmrun-rs", "cloudinit-gen", "registry-pki", "stage-timer", "lab-engine", "private-files"}
        for entry in self.bill["components"]:
            self.assertTrue(entry["licenses"][0]["expression"], entry["name"])
            if entry["name"] not in own:
                self.assertRegex(entry["hashes"][0]["content"], "^[0-9a-f]{64}$", entry["name"])

    def test_same_input_same_bytes_and_the_time_is_the_sources(self):
        self.assertEqual(self.again, [self.text, self.licences])
        self.assertEqual(self.bill["metadata"]["timestamp"], "1970-01-02T00:00:00Z")

    def test_licence_texts_are_there_for_what_is_linked(self):
        for part in ("ring 0.17", "Apache License", "Permission is hereby granted"):
            self.assertIn(part, self.licences)
        self.assertNotIn("\ninsta ", self.licences)
        self.assertNotIn(str(pathlib.Path.home()), self.text + self.licences)


if __name__ == "__main__":
    unittest.main()
