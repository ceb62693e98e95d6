"""What may be asked of a stream, a mirror and `/changes`, as the pairs of an address.

Law: what is left out is not sent, so that the server's defaults hold.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["pairs"]


def pairs(**fields: str | float | bool | Iterable[str] | None) -> list[tuple[str, str]]:
    """A flag is sent as 1, or not at all; several values one after the other, under one name."""
    told: list[tuple[str, str]] = []
    for name, value in fields.items():
        match value:
            case None | False:
                continue
            case True:
                told.append((name, "1"))
            case str():
                told.append((name, value))
            case int() | float():
                told.append((name, f"{value:g}"))
            case _:
                told += [(name, one) for one in value]
    return told
