#!/usr/bin/env python3
"""Writes an image archive (docker-archive form) to stdout: the images that k3s's packaged components run, each with one
tiny layer. Deterministic: the same names give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile

IMAGES = [
    "docker.io/rancher/klipper-helm:v0.9.8-build20250709",
    "docker.io/rancher/klipper-lb:v0.4.13",
    "docker.io/rancher/local-path-provisioner:v0.0.31",
    "docker.io/rancher/mirrored-coredns-coredns:1.12.3",
    "docker.io/rancher/mirrored-library-busybox:1.36.1",
    "docker.io/rancher/mirrored-library-traefik:3.3.6",
    "docker.io/rancher/mirrored-metrics-server:v0.8.0",
    "docker.io/rancher/mirrored-pause:3.6",
]


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def layer(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        add(archive, "etc/stand-in", text.encode())
    return buffer.getvalue()


def compact(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def write_archive(out: io.BufferedIOBase, images: list[str]) -> None:
    manifest = []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for image in images:
            content = layer(image + "\n")
            digest = hashlib.sha256(content).hexdigest()
            config = compact(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "config": {},
                    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
                    "history": [{"created_by": "stand-in", "created": "1970-01-01T00:00:00Z"}],
                }
            )
            name = hashlib.sha256(config).hexdigest() + ".json"
            add(archive, name, config)
            add(archive, f"{digest}/layer.tar", content)
            manifest.append({"Config": name, "RepoTags": [image], "Layers": [f"{digest}/layer.tar"]})
        add(archive, "manifest.json", compact(manifest))


if __name__ == "__main__":
    write_archive(sys.stdout.buffer, sys.argv[1:] or IMAGES)
