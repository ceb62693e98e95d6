"""What a client that has something already is answered: RFC 9110, sections 13 (preconditions) and 14 (ranges). Pure.

There are strong entity tags and no dates, as what is served was made when it was asked for: conditions on dates are
ignored, as section 13.1 has it for what has no date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

NOT_MODIFIED: Final = 304
PRECONDITION_FAILED: Final = 412

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\U0010ffff]*")')
_GAP: Final = re.compile(r"[ \t]*(?:,[ \t]*)*")
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_DIGITS_MAX: Final = 18  # longer numbers are beyond everything, and int() of one would cost the square of its length


class Span(NamedTuple):
    """Bytes `start` to `stop` (exclusive) of a body."""

    start: int
    stop: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def _names(field: str, tag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags has this one; `weak` compares weakly. What is malformed ends the list."""
    if field.strip(" \t") == "*":
        return True
    at = _GAP.match(field)
    while at is not None and (match := _TAG.match(field, at.end())):
        if match[2] == tag and (weak or match[1] is None):
            return True
        at = _GAP.match(field, match.end())
    return False


def precondition(headers: Mapping[str, str], tag: str) -> int | None:
    """NOT_MODIFIED or PRECONDITION_FAILED, for a GET or HEAD of what bears `tag`; None: it is answered as ever."""
    if_match = headers.get("If-Match")
    if if_match is not None and not _names(if_match, tag, weak=False):
        return PRECONDITION_FAILED
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None and _names(if_none_match, tag, weak=True):
        return NOT_MODIFIED
    return None


def _number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX


def select(headers: Mapping[str, str], tag: str, size: int) -> Span | None:
    """The part of a body of `size` bytes that a GET asks for; None: all of it. An empty one can't be satisfied.

    All of it, too, for several ranges at once, which a server may answer so, and for what is no range of bytes.
    """
    field, if_range = headers.get("Range"), headers.get("If-Range")
    if field is None or (if_range is not None and if_range.strip(" \t") != tag):
        return None
    match = _RANGE.fullmatch(field.strip(" \t"))
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return Span(max(0, size - _number(match[2])), size)
    first, last = _number(match[1]), _number(match[2]) if match[2] else size
    if match[2] and last < first:
        return None
    return Span(first, min(last + 1, size)) if first < size else Span(size, size)
