"""One document to standard output, piece by piece; binary to a file or pipe, as text to a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from smarttree.errors import SmarttreeError
from smarttree.modes import Mode, View


def print_view(view: View, top: int, mode: Mode, depth: int | None) -> None:
    """Prints `top` of a view. Raises as the mode does, and as `print_pieces`."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    if mode.NAME == "classic" and is_terminal and colour_wanted():
        from smarttree.modes import classic

        pieces = classic.render(view, top, depth=depth, colour=True)
    else:
        pieces = mode.render(view, top, depth=depth)
    if mode.NAME == "quantum" and is_terminal:
        pieces = _as_text(pieces)
    elif mode.NAME == "json" and is_terminal:
        pieces = _ended(pieces)
    elif mode.NAME == "csv" and is_terminal:
        pieces = harmless(pieces)
    print_pieces(pieces)


def colour_wanted() -> bool:
    """On a terminal, unless NO_COLOR says otherwise (no-color.org) or the terminal cannot."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def print_pieces(pieces: Iterator[bytes]) -> None:
    """Raises BrokenPipeError when the reader is gone, SmarttreeError for anything else that can't be written."""
    if sys.stdout is None:
        raise SmarttreeError("standard output is closed: there is nowhere to print to")
    out: BinaryIO = sys.stdout.buffer
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


def _as_text(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from smarttree.codec import to_text
    from smarttree.wire import PREFIX_SNAPSHOT

    yield to_text(PREFIX_SNAPSHOT, b"".join(pieces)).encode("ascii")
    yield b"\n"


def harmless(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same for the eye: a mode whose names must stand as they are may not drive a terminal. Pieces end in lines."""
    for piece in pieces:
        text = piece.decode().replace("\r\n", "\n")
        yield "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text).encode()


def _ended(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield from pieces
    yield b"\n"
