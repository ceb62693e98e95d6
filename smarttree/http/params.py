"""Query parameters: every one is known, wanted later, or refused; a value out of its range is refused, never bent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from smarttree.errors import BadParameter, NotAvailableYet

FIELDS_MAX: Final = 64
TAKEN: Final = web.RequestKey("taken", str)  # a parameter that was read before the endpoint is asked
_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}


class Query:
    """The parameters of one request. Raises BadParameter or NotAvailableYet for those that cannot be honoured.

    `known` are the endpoint's own; `later` are promised ones, refused by name: to ignore a filter would be to lie.
    """

    def __init__(self, request: web.BaseRequest, known: Iterable[str], later: Iterable[str] = ()) -> None:
        names = tuple(known)
        values: dict[str, list[str]] = {}
        for name, value in _pairs(request):
            if name == request.get(TAKEN):
                continue
            if name in later:
                raise NotAvailableYet(f"the parameter {name} is not available yet; this endpoint has {_listed(names)}")
            if name not in names:
                raise BadParameter(f"there is no parameter {name!r} here; this endpoint has {_listed(names)}")
            values.setdefault(name, []).append(value)
        self._values: Mapping[str, list[str]] = values

    @staticmethod
    def raws(request: web.BaseRequest, name: str) -> list[str]:
        """The values of a parameter of whatever endpoint. Raises BadParameter for too many others."""
        return [value for key, value in _pairs(request) if key == name]

    def all(self, name: str) -> list[str]:
        """Every value given, in order; empty if none was."""
        return self._values.get(name, [])

    def octets_all(self, name: str) -> list[bytes]:
        """Every value as the bytes that were sent."""
        return [value.encode("utf-8", "surrogateescape") for value in self.all(name)]

    def text(self, name: str) -> str | None:
        """The one value, or None."""
        values = self.all(name)
        if len(values) > 1:
            raise BadParameter(f"{name} is given {len(values)} times; give it once")
        return values[0] if values else None

    def word(self, name: str, default: str) -> str:
        """The one value, or the default where none was given; an empty one is a value, too."""
        value = self.text(name)
        return default if value is None else value

    def octets(self, name: str) -> bytes | None:
        """The one value as the bytes that were sent: a path need not be UTF-8."""
        value = self.text(name)
        return value.encode("utf-8", "surrogateescape") if value is not None else None

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value is None:
            return False
        if value not in _FLAGS:
            raise BadParameter(f"{name} is 1 or 0, not {value!r}")
        return _FLAGS[value]

    def number(self, name: str, low: int, high: int) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        # At most ten digits: int() of a long text costs the square of its length.
        if not (value.isascii() and value.isdigit() and len(value) <= 10 and low <= int(value) <= high):
            raise BadParameter(f"{name} is a whole number from {low} to {high}, not {value[:40]!r}")
        return int(value)


def _pairs(request: web.BaseRequest) -> list[tuple[str, str]]:
    raw = request.raw_path.partition("?")[2]
    try:
        return parse_qsl(raw, keep_blank_values=True, errors="surrogateescape", max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise BadParameter(f"more than {FIELDS_MAX} parameters") from error


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "none"
