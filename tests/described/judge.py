"""Judges, in schemathesis' environment: `judge.py DESCRIPTION` says what is wrong with it, and with what is on standard
input: lines of JSON, each the name of a schema and a value that it shall describe. Nothing of the project is imported.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator


def main(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        described: Any = json.load(file)
    found = [f"the description: {error.message}" for error in OpenAPIV31SpecValidator(described).iter_errors()]
    for line in sys.stdin:
        name, value = json.loads(line)
        schema = {**described, "$ref": f"#/components/schemas/{name}"}
        judge = Draft202012Validator(schema, format_checker=FormatChecker())
        found += [f"{name} {error.json_path}: {error.message}" for error in judge.iter_errors(value)]
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
