"""Which content coding an answer comes in: what RFC 9110, section 12.5.3, makes of `Accept-Encoding`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from smarttree.codec.coding import GZIP, IDENTITY

_MEMBER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")
_ALIASES: Final = {"x-gzip": GZIP}
_WHOLE: Final = 1000
# Of a coding that is not excluded and not named: less than the smallest weight there is.
_UNNAMED: Final = 0.5


def weights(header: str) -> dict[str, int]:
    """The codings that are named, with their weights in thousandths. What is malformed is as if it were not there."""
    found: dict[str, int] = {}
    for member in header.split(","):
        match = _MEMBER.fullmatch(member.strip(" \t"))
        if match is not None:
            name = match[1].lower()
            found[_ALIASES.get(name, name)] = round(float(match[2]) * _WHOLE) if match[2] is not None else _WHOLE
    return found


def _weight(coding: str, named: Mapping[str, int]) -> float:
    """`*` speaks for gzip and for what is not compressed. Any other coding must be named: few can read it."""
    if coding in named:
        return named[coding]
    if coding == IDENTITY:
        return named.get("*", _UNNAMED)
    return named.get("*", 0) if coding == GZIP else 0


def choose(headers: Sequence[str], offered: Sequence[str]) -> str | None:
    """The coding for a request with these `Accept-Encoding` headers; of those it likes as well, the first that is
    offered. None: it takes none of them. Where there is no header, nothing is compressed that need not be.
    """
    if not headers:
        return IDENTITY if IDENTITY in offered else offered[0]
    named = weights(",".join(headers))
    best = max(offered, key=lambda coding: _weight(coding, named))
    return best if _weight(best, named) else None
