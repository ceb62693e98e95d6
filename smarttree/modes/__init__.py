"""An output mode tells one tree as one document: a pure function of a view, one file each, made piece by piece.

The same modes serve `GET /tree`, the stream's `tree` event and `st PATH`. To add one, write its file and name it in
`MODES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from smarttree.clock import Clock
from smarttree.errors import NotAvailableYet, UnknownMode

if TYPE_CHECKING:
    from smarttree.tree import Tree

MODES: Final[tuple[str, ...]] = ("classic", "json", "quantum")

# Promised, not built. Each is refused by name, so that nobody takes a default for what was asked.
LATER: Final[frozenset[str]] = frozenset(
    {"ai", "csv", "digest", "markdown", "ndjson", "stats", "summary", "summary-ai", "tsv"}
)


class View(NamedTuple):
    """One clock's state, whole. `tree` is frozen: it never changes again. `digest` is the service's."""

    clock: Clock
    tree: Tree
    digest: int


class Mode(Protocol):
    """What each file of this package is."""

    @property
    def NAME(self) -> str:
        """As in `--mode`."""

    @property
    def CONTENT_TYPE(self) -> str:
        """The media type of the document."""

    @property
    def CUTS(self) -> bool:
        """Whether `depth` can cut the document. Where not, `render` refuses any depth but None."""

    def render(self, view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
        """The document of `top` (an entry's id, not the service's) and `depth` levels below it; None is all.

        Pieces are up to about 64 KiB. Raises BadParameter, before the first piece, for a depth it cannot cut at.
        """


def check(name: str) -> None:
    """Raises UnknownMode or NotAvailableYet unless there is a mode `name`. Loads nothing."""
    if name in MODES:
        return
    known = ", ".join(MODES)
    if name in LATER:
        raise NotAvailableYet(f"mode {name} is not available yet: the modes are {known}")
    raise UnknownMode(f"there is no mode {name!r}: the modes are {known}")


def find(name: str) -> Mode:
    """The mode `name`, loaded when first asked for. Raises as `check` does."""
    check(name)
    return cast(Mode, importlib.import_module(f"{__name__}.{name}"))
