"""The numbers of the wire: `spec/wire.toml` is what the code, the plain decoder and the page all say."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from smarttree import wire
from spec import generate, qtn1

TABLES: dict[str, dict[str, Any]] = tomllib.loads((generate.SPEC / "wire.toml").read_text(encoding="utf-8"))
ERRORS = TABLES.pop("errors")
NUMBERS = {name: value for table in TABLES.values() for name, value in table.items()}
KINDS = "snapshot", "delta", "batch", "manifest"


def test_the_code_has_every_number_as_written() -> None:
    for name, value in NUMBERS.items():
        expected = bytes(value) if isinstance(value, list) else value
        assert getattr(wire, name.upper()) == expected, name


def test_the_code_has_every_error_in_its_order() -> None:
    assert list(wire.ERRORS.items()) == [(code.replace("_", "-"), text) for code, text in ERRORS.items()]
    numbers = (generate.PACKAGE / "_wire.pxd").read_text(encoding="utf-8")
    for number, code in enumerate(ERRORS, 1):
        assert f"    E_{code.upper()} = {number}\n" in numbers


def test_checking_finds_a_file_that_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"]) == 0
    stale = generate.python({"limits": {"depth_max": 511}})
    monkeypatch.setattr(generate, "python", lambda tables: stale)
    assert generate.main(["--check"]) == 1
    assert "smarttree/wire.py is not what spec/wire.toml says" in capsys.readouterr().err


def test_the_plain_decoder_has_the_same() -> None:
    """It was written from the page, by hand."""
    plain = qtn1
    written = {
        "name_max_bytes": plain.MAX_NAME,
        "path_max_bytes": plain.MAX_PATH + 1,
        "depth_max": plain.MAX_DEPTH,
        "chunk_max_entries": plain.MAX_CHUNK,
        "entries_max": plain.MAX_ENTRIES,
        "ids_max": plain.MAX_ID + 1,
        "column_max_bytes": plain.MAX_COLUMN,
        "body_max_bytes": plain.MAX_BODY,
        "window_max_bytes": plain.MAX_WINDOW,
        "mask_deleted": plain.DELETED,
        "mask_place": plain.PLACE,
        "mask_mode": plain.MODE,
        "mask_size": plain.SIZE,
        "mask_mtime": plain.MTIME,
        "mask_all": plain.WHOLE,
    }
    assert {name: NUMBERS[name] for name in written} == written
    magics = {NUMBERS[f"prefix_{kind}"]: bytes(NUMBERS[f"magic_{kind}"]) for kind in KINDS}
    assert magics == plain.PREFIXES


def test_the_page_names_each_limit() -> None:
    page = re.sub(r"\s+", " ", (generate.SPEC / "QTN1.md").read_text(encoding="utf-8"))
    for name in ("name_max_bytes", "path_max_bytes", "depth_max", "entries_max", "ids_max", "chunk_max_entries"):
        assert f"{NUMBERS[name]:,}" in page, name
    for name in ("column_max_bytes", "window_max_bytes"):
        assert f"{int(NUMBERS[name]) >> 20} MiB" in page, name
    for kind in KINDS:
        assert f"`{bytes(NUMBERS[f'magic_{kind}']).hex(' ')}`" in page
