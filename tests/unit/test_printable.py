"""Names for people and for JSON."""

from __future__ import annotations

import base64

from smarttree.printable import name_fields, printable


def test_a_name_in_another_script_is_not_escaped() -> None:
    assert name_fields("path", "/r/наука".encode()) == {"path": "/r/наука"}
    assert printable("наука".encode()) == "наука"


def test_a_name_that_is_not_utf_8_keeps_its_bytes() -> None:
    fields = name_fields("old_path", b"/caf\xe9")
    assert fields["old_path"] == "/caf�"
    assert base64.b64decode(fields["old_path_b64"]) == b"/caf\xe9"
