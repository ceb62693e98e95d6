"""`st PATH`: scan, print one document, end. Pieces go out as they are made; no entry is held as a Python object."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Final

from smarttree import modes
from smarttree.cli.paths import refusal
from smarttree.clock import Clock
from smarttree.config import ShowConfig
from smarttree.errors import SmarttreeError
from smarttree.modes import View
from smarttree.printable import printable

_PROBLEMS_SHOWN: Final = 20

# What is printed once belongs to no service, and so to no epoch.
_NO_CLOCK: Final = Clock(0, 0)


def show(config: ShowConfig) -> int:
    """Prints to standard output. Problems go to standard error and do not change the status, which is 0:
    a directory that could not be read is a fact about the disk, not a failure to tell the rest."""
    mode = modes.find(config.mode)
    view, top, problems = _scan(config)
    if sys.stdout is None:
        raise SmarttreeError("standard output is closed: there is nowhere to print to")
    out, is_terminal = sys.stdout.buffer, sys.stdout.isatty()
    if mode.NAME == "classic" and is_terminal and colour_wanted():
        from smarttree.modes import classic

        pieces = classic.render(view, top, depth=config.depth, colour=True)
    else:
        pieces = mode.render(view, top, depth=config.depth)
    if mode.NAME == "quantum" and is_terminal:
        pieces = _as_text(pieces)
    elif mode.NAME == "json" and is_terminal:
        pieces = _ended(pieces)
    _write(pieces, out)
    _tell(problems)
    return 0


def colour_wanted() -> bool:
    """On a terminal, unless NO_COLOR says otherwise (no-color.org) or the terminal cannot."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def _scan(config: ShowConfig) -> tuple[View, int, list[tuple[bytes, int]]]:
    """The tree, the id of its top, and what could not be read: (path, errno)."""
    from smarttree import disk
    from smarttree.tree import SERVICE_ID, Tree

    reader = disk.choose()
    progress = reader.progress()
    # The scan does not hold the GIL and so cannot see an interrupt; this thread, which waits for it, does.
    with ThreadPoolExecutor(1, thread_name_prefix="scan") as scanner:
        try:
            opened = reader.open(config.path, follow=True)
            scanning = scanner.submit(opened.scan, watch=-1, threads=config.scan_threads, depth=0, progress=progress)
            listing = scanning.result()
            opened.close()
        except KeyboardInterrupt:
            progress.cancel()
            raise
        except OSError as error:  # it could be opened a moment ago: the disk has changed since
            raise refusal(config.path, error) from error
    tree = Tree()
    top = tree.graft(listing, config.path)
    # A listing counts from its top, and a graft gives consecutive ids.
    problems = [(os.path.join(tree.path(top + at), name), number) for at, name, number in listing.problems]
    return View(_NO_CLOCK, tree, tree.digest(SERVICE_ID)), top, problems


def _as_text(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from smarttree.codec import to_text
    from smarttree.wire import PREFIX_SNAPSHOT

    yield to_text(PREFIX_SNAPSHOT, b"".join(pieces)).encode("ascii")
    yield b"\n"


def _ended(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield from pieces
    yield b"\n"


def _write(pieces: Iterator[bytes], out: BinaryIO) -> None:
    try:
        for piece in pieces:
            out.write(piece)
        out.flush()
    except OSError as error:
        # What still stands in the buffer must not be written at exit: that would fail again, aloud.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise SmarttreeError(f"cannot write to standard output: {error.strerror}") from error


def _tell(problems: Sequence[tuple[bytes, int]]) -> None:
    for path, number in problems[:_PROBLEMS_SHOWN]:
        print(f"st: {printable(path.removesuffix(b'/'))}: {os.strerror(number)}", file=sys.stderr)
    if len(problems) > _PROBLEMS_SHOWN:
        print(f"st: and {len(problems) - _PROBLEMS_SHOWN:,} more that could not be read", file=sys.stderr)
