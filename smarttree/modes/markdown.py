"""Mode `markdown`: a heading, a line of totals and a nested list, for a README, an issue or a wiki page.

    # `/srv/project/`

    14 files, 3 directories, 78.9M

    - `docs/` 12 entries         a directory whose children are left out
    - `src/`
      - `main.rs` 1.2K

CommonMark, and so GitHub's. Names stand in code spans: nothing in them is markup, a mention, a link or an emoji, and
what they hold of backticks and spaces is told by the rules of code spans. They are told by `printable` before that, so
none can leave its line. What a name ends in is said as in mode classic: `/` a directory, `@` a link, `|` a FIFO, `=` a
socket.

Lists are nested 40 levels at most, as parsers bound that (GitHub's at 100): what is deeper is left out like what
`depth` leaves out, and counted by its directory.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from smarttree.modes.classic import SUFFIXES, counted, human_size
from smarttree.modes.lines import in_pieces
from smarttree.modes.walk import walk
from smarttree.printable import printable

if TYPE_CHECKING:
    from smarttree.modes import View
    from smarttree.tree import Tree

NAME: Final = "markdown"
CONTENT_TYPE: Final = "text/markdown; charset=utf-8"
CUTS: Final = True
SMALL: Final = False
LEVELS_MAX: Final = 40


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. About 3 µs per entry, with the GIL: run it in a thread."""
    return in_pieces(_lines(view.tree, top, LEVELS_MAX if depth is None else min(depth, LEVELS_MAX)))


def code_span(text: str) -> str:
    """A code span whose content is `text`, which is one line and not empty (CommonMark 0.31, section 6.1)."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # One space at both ends is taken off, unless there is nothing but spaces; beside a fence a backtick needs one.
    stripped = text[0] == text[-1] == " " and not text.isspace()
    pad = " " if stripped or text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _lines(tree: Tree, top: int, levels: int) -> Iterator[str]:
    path, totals = printable(tree.path(top)).removesuffix("/"), tree.totals(top)
    yield f"# {code_span(path + SUFFIXES.get(stat.S_IFMT(tree.mode(top)), ''))}\n\n"
    yield (
        f"{counted(totals.files, 'file', 'files')}, {counted(totals.dirs, 'directory', 'directories')}, "
        f"{human_size(totals.size)}\n"
    )
    start = "\n"
    for step in walk(tree, top, levels):
        yield f"{start}{'  ' * (step.level - 1)}- {_told(tree, step.entry, step.enter)}\n"
        start = ""


def _told(tree: Tree, entry: int, entered: bool) -> str:
    kind = stat.S_IFMT(tree.mode(entry))
    span = code_span(printable(tree.name(entry)) + SUFFIXES.get(kind, ""))
    if kind == stat.S_IFREG:
        return f"{span} {human_size(tree.row(entry).size)}"
    if kind == stat.S_IFDIR and not entered and (count := tree.child_count(entry)):
        return f"{span} {counted(count, 'entry', 'entries')}"
    return span
