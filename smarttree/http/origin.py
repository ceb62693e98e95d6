"""Origins: whether what a browser sends comes from a page of this server's own. Pure.

Law: for what changes something a browser must have said so: by `Sec-Fetch-Site`, which no page can set, or by `Origin`.
Where both are there, both must. A proxy's word on the scheme counts as its word on addresses does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

SAME: Final = "same-origin"
_NOBODYS: Final = "none"  # typed, or a bookmark
_PROTO: Final = re.compile(r'(?:^|[;,])\s*proto=\s*"?([a-z]+)"?', re.IGNORECASE)
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?|null", re.IGNORECASE)
_SCHEMES: Final = frozenset({"http", "https"})


def normal_origin(origin: str) -> str:
    """As browsers send it: lower case, no slash at the end."""
    return origin.rstrip("/").lower()


def is_origin(text: str) -> bool:
    """Whether it is what a browser would send (RFC 6454, section 7), with nothing behind it."""
    return _ORIGIN.fullmatch(text) is not None


def may_change(origin: str | None, fetch_site: str | None, own: str) -> bool:
    """Whether a request that changes something was made by a page of `own`. Who sends neither header is no browser of
    today, and can show a token.
    """
    if fetch_site is not None and fetch_site != SAME:
        return False
    return normal_origin(origin) == normal_origin(own) if origin is not None else fetch_site == SAME


def may_read(fetch_site: str | None) -> bool:
    """Whether a cookie counts for a request that changes nothing: not where a page of another origin makes it, also
    one of the same site, which is another port of the same name.
    """
    return fetch_site is None or fetch_site in (SAME, _NOBODYS)


def scheme_told(forwarded_proto: Sequence[str], forwarded: Sequence[str]) -> str | None:
    """What the nearest proxy says that it was spoken to by: the last word. None: it says nothing that is one."""
    told = ",".join(forwarded_proto).split(",") if forwarded_proto else _PROTO.findall(",".join(forwarded))
    scheme = told[-1].strip().lower() if told else ""
    return scheme if scheme in _SCHEMES else None
