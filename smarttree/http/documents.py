"""A mode's document as JSON: the value of `compressed`, `tree` or `text`; whole for an event, in pieces for REST."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

from smarttree import modes
from smarttree.codec import to_text
from smarttree.modes import Mode, View
from smarttree.stream.events import Body, to_json
from smarttree.tree import Tree
from smarttree.wire import MEDIA_TYPE_QTN, PREFIX_SNAPSHOT

# A tree in an event, other than in mode quantum, is there to be looked at: as many levels as fit into this, unless the
# mode is small by itself.
EVENT_ENTRIES_MAX: Final = 2000


def field_of(mode: Mode) -> str:
    """Where a mode's document stands in the envelope."""
    if mode.CONTENT_TYPE == MEDIA_TYPE_QTN:
        return "compressed"
    return "tree" if mode.CONTENT_TYPE == "application/json" else "text"


def json_pieces(view: View, mode: Mode, top: int, depth: int | None) -> Iterator[bytes]:
    """The document as one JSON value, piece by piece. Raises BadParameter at once for a depth the mode can't cut at."""
    document = mode.render(view, top, depth=depth)
    field = field_of(mode)
    if field == "tree":
        return document
    if field == "compressed":
        return iter((to_json(to_text(PREFIX_SNAPSHOT, b"".join(document))).encode("ascii"),))
    return _quoted(document)


def _quoted(document: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    yield b'"'
    for piece in document:
        yield to_json(decoder.decode(piece))[1:-1].encode()
    yield to_json(decoder.decode(b"", final=True))[1:-1].encode() + b'"'


def depth_that_fits(tree: Tree, top: int, entries_max: int) -> int | None:
    """How many levels below `top` have no more than `entries_max` entries together; None if all of them."""
    level, depth, total = [top], 0, 0
    while level:
        total += sum(tree.child_count(directory) for directory in level)
        if total > entries_max:
            return depth
        level = [child for directory in level for child in tree.children(directory) if tree.is_dir(child)]
        depth += 1
    return None


def event_body(view: View, mode_name: str, root: int) -> Body:
    """A root's document for a `tree` event. O(tree) in mode quantum: not for the event loop."""
    mode = modes.find(mode_name)
    depth = depth_that_fits(view.tree, root, EVENT_ENTRIES_MAX) if mode.CUTS and not mode.SMALL else None
    value = b"".join(json_pieces(view, mode, root, depth)).decode()
    return Body(field_of(mode), value, depth)
