"""An output mode tells one tree as one document: a pure function of a view, one file each, made piece by piece.

The same modes serve `GET /tree`, the stream's `tree` event and `st PATH`. To add one, write its file and name it in
`MODES`. Names on a disk may hold anything: each mode says in its docstring how it keeps them from breaking its format.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from smarttree.clock import Clock
from smarttree.errors import UnknownMode

if TYPE_CHECKING:
    from smarttree.tree import Tree

MODES: Final[tuple[str, ...]] = (
    "ai", "classic", "csv", "digest", "json", "markdown", "ndjson", "quantum", "stats", "summary-ai", "tsv",
)  # fmt: skip


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

    @property
    def SMALL(self) -> bool:
        """Whether a document is small however large the tree is, so that an event need not cut it."""

    def render(self, view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
        """The document of `top` (an entry's id, not the service's) and `depth` levels below it; None is all.

        Pieces are up to about 64 KiB. Raises BadParameter, before the first piece, for a depth it cannot cut at.
        """


def check(name: str) -> None:
    """Raises UnknownMode unless there is a mode `name`. Loads nothing."""
    if name not in MODES:
        raise UnknownMode(f"there is no mode {name!r}: the modes are {', '.join(MODES)}")


def find(name: str) -> Mode:
    """The mode `name`, loaded when first asked for. Raises as `check` does."""
    check(name)
    return cast(Mode, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
