"""What a trigger is shown as: lines for people, lines of JSON for programs.

Law: a line is a change; no name can look like two lines, or move a terminal's cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from .triggers import Trigger

__all__ = ["json_lines", "text_lines"]

WIDTH: Final = 9
REBASED: Final = "rebased   everything may have changed"


def json_lines(trigger: Trigger) -> Iterator[str]:
    """The server's own fields, and the clock that the trigger leads to."""
    if trigger.rebased:
        yield json.dumps({"type": "rebased", "clock": trigger.clock})
    for change in trigger.changes:
        yield json.dumps({**change, "clock": trigger.clock})


def text_lines(trigger: Trigger) -> Iterator[str]:
    """`modified  /path`; what can't be printed is escaped, as Python does."""
    if trigger.rebased:
        yield REBASED
    for change in trigger.changes:
        old = f"{_shown(change['old_path'])} -> " if "old_path" in change else ""
        yield f"{change['type']:{WIDTH}} {old}{_shown(change['path'])}"


def _shown(path: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in path)
