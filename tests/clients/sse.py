"""A plain Server-Sent Events parser, as the HTML standard's "Interpreting an event stream" tells it.

Law: bytes in, frames out; it knows no socket and no clock, and gives the same frames however the bytes are cut.
"""

from __future__ import annotations

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """What stood between two empty lines. A browser fires an event only for those that have `data`; a frame without
    (a heartbeat, a resume point) is given too, because a client commits when an id arrives."""

    event: str  # "message" where the frame names none
    data: str | None
    id: str | None  # None: the frame itself has no `id:` line
    last_id: str  # the id in force after this frame
    last_field: str  # the frame's last line's field, to check that an id is the last


class Parser:
    """`feed` it bytes. `retry_ms` and `last_id` are those in force; `comments` counts the comment lines."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry_ms: int | None = None
        self.comments = 0
        self._bytes = bytearray()
        self._searched = 0  # no line ends before this: a line of megabytes is looked through once
        self._at_start = True
        self._after_cr = False
        self._clear()

    def _clear(self) -> None:
        self._event, self._data, self._field = "", "", ""
        self._id: str | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by these bytes."""
        self._bytes += data
        if self._at_start:
            if len(self._bytes) < len(BOM) and BOM.startswith(self._bytes):
                return []
            self._at_start = False
            if self._bytes.startswith(BOM):
                del self._bytes[: len(BOM)]
        frames: list[Frame] = []
        at = 0
        while True:
            if self._after_cr and at < len(self._bytes):
                self._after_cr = False
                if self._bytes[at] == 0x0A:  # the second half of a CRLF whose line was taken when its CR came
                    at += 1
                    self._searched = max(self._searched, at)
            end = self._line_end(max(at, self._searched))
            if end < 0:
                self._searched = len(self._bytes) - at
                del self._bytes[:at]
                return frames
            self._after_cr = self._bytes[end] == 0x0D
            frame = self._line(bytes(self._bytes[at:end]))
            at = self._searched = end + 1
            if frame:
                frames.append(frame)

    def _line_end(self, start: int) -> int:
        lf, cr = self._bytes.find(b"\n", start), -1
        cr = self._bytes.find(b"\r", start, lf if lf >= 0 else len(self._bytes))
        return cr if cr >= 0 else lf

    def _line(self, line: bytes) -> Frame | None:
        if not line:
            return self._dispatch()
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon and not name:
            self.comments += 1
            return None
        self._take(name, value.removeprefix(" "))
        return None

    def _take(self, name: str, value: str) -> None:
        if name == "event":
            self._event = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)
        self._field = name

    def _dispatch(self) -> Frame | None:
        if self._id is not None:
            self.last_id = self._id
        data = self._data[:-1] if self._data else None
        frame = Frame(self._event or "message", data, self._id, self.last_id, self._field)
        self._clear()
        return frame if frame.data is not None or frame.id is not None else None
