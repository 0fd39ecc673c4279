"""judge.py FILE: whether a bill of materials is what CycloneDX 1.5 says, by its own strict JSON Schema."""

import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
if wrong:
    sys.exit(f"not CycloneDX 1.5: {wrong}")
