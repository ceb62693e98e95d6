"""The constants of the code, from `wire.toml`: `python -m spec.generate` writes them, with `--check` it only compares.

Law: the files it makes are a pure function of `wire.toml`. Exit status 1 when checking finds one that is stale.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

SPEC = Path(__file__).resolve().parent
PACKAGE = SPEC.parent / "smarttree"

Value = int | str | list[int]
Tables = dict[str, dict[str, Value]]


def python(tables: Tables) -> str:
    """The module that Python code imports."""
    blocks = ["\n".join(_assignments(name, table)) for name, table in tables.items()]
    head = '"""The numbers of the wire. Made from spec/wire.toml, which says what each is; don\'t edit: `make wire`."""'
    return "\n\n".join([head, "from __future__ import annotations", "from typing import Final", *blocks]) + "\n"


def cython(tables: Tables) -> str:
    """What kernels cimport: the whole numbers, and a number from 1 for each error, in the order of `wire.ERRORS`."""
    numbers = [(name.upper(), value) for table in tables.values() for name, value in table.items()]
    lines = [f"    {name} = {value}" for name, value in numbers if isinstance(value, int)]
    lines += [f"    E_{name.upper()} = {number}" for number, name in enumerate(tables.get("errors", {}), 1)]
    head = '"""The numbers of the wire, for kernels. Made from spec/wire.toml; don\'t edit: `make wire`."""'
    return "\n".join(["# cython: language_level=3", head, "cdef enum:", *lines]) + "\n"


def _assignments(table: str, values: dict[str, Value]) -> Iterator[str]:
    """One constant for each; the errors are one dictionary, by their code as the page writes it."""
    if table == "errors":
        rows = [f'    "{name.replace("_", "-")}": {_literal(text)},' for name, text in values.items()]
        yield "\n".join(["ERRORS: Final = {", *rows, "}"])
    else:
        yield from (f"{name.upper()}: Final = {_literal(value)}" for name, value in values.items())


def _literal(value: Value) -> str:
    if isinstance(value, list):
        return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
    return f'"{value}"' if isinstance(value, str) else f"{value:_}" if value >= 10_000 else str(value)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m spec.generate [--check]", file=sys.stderr)
        return 2
    tables: Tables = tomllib.loads((SPEC / "wire.toml").read_text(encoding="utf-8"))
    made = {PACKAGE / "wire.py": python(tables), PACKAGE / "_wire.pxd": cython(tables)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if arguments:
            print(f"{path.relative_to(SPEC.parent)} is not what spec/wire.toml says: run `make wire`", file=sys.stderr)
        else:
            path.write_text(made[path], encoding="utf-8")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
