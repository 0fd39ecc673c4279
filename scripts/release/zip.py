#!/usr/bin/env python3
"""zip.py ARCHIVE DIRECTORY: packs a directory, the same input to the same bytes; every entry's time is SOURCE_DATE_EPOCH."""

import os
import pathlib
import sys
import time
import zipfile

archive, directory = map(pathlib.Path, sys.argv[1:])
# The format cannot say anything before 1980.
when = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]
with zipfile.ZipFile(archive, "w") as out:
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        entry = zipfile.ZipInfo(path.relative_to(directory.parent).as_posix(), when)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3
        entry.external_attr = 0o644 << 16
        out.writestr(entry, path.read_bytes(), compresslevel=9)
