"""The parser of `text/event-stream`: bytes in, frames out, the same ones however the bytes are cut.

Law: to the letter of the HTML standard, section 9.2.6. A line ends with LF, CRLF or CR, and what a CR ends is told at
once: the LF that may follow is passed over when it comes. It knows no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .errors import StreamEndedError

__all__ = ["MAX_EVENT_BYTES", "Frame", "Parser"]

BOM = b"\xef\xbb\xbf"
CR, LF = 0x0D, 0x0A
MAX_EVENT_BYTES = 256 << 20
MAX_RETRY_DIGITS = 18  # more are no waiting time of anyone's


@dataclass(frozen=True, slots=True)
class Frame:
    """What stood before an empty line. Without `data` it fires no event; with an `id` of its own it moves the clock.
    `last_id` is the id in force."""

    event: str
    data: str | None
    id: str | None
    last_id: str
    size: int


class Parser:
    """`feed` it bytes. `last_id` and `retry_ms` are those in force; a frame of more than the bound is an error."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.last_id = ""
        self.retry_ms: int | None = None
        self._max = max_event_bytes
        self._bytes = bytearray()
        self._searched = 0  # no line ends before this: a line of megabytes is looked through once
        self._at_start = True
        self._after_cr = False
        self._id = ""
        self._clear()

    def _clear(self) -> None:
        self._event = ""
        self._data: list[str] = []
        self._has_id = False
        self._size = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete."""
        self._bytes += data
        if self._at_start:
            if len(self._bytes) < len(BOM) and BOM.startswith(self._bytes):
                return []
            self._at_start = False
            if self._bytes.startswith(BOM):
                del self._bytes[: len(BOM)]
        frames = [frame for line in self._lines() if (frame := self._take(line)) is not None]
        if self._size + len(self._bytes) > self._max:
            raise StreamEndedError("too-large", f"an event of more than {self._max} bytes")
        return frames

    def _lines(self) -> Iterator[bytes]:
        """The lines that are whole, without their ends."""
        at = 0
        while True:
            if self._after_cr and at < len(self._bytes):
                self._after_cr = False
                if self._bytes[at] == LF:
                    at += 1
            start = max(at, self._searched)
            lf = self._bytes.find(LF, start)
            cr = self._bytes.find(CR, start, lf if lf >= 0 else len(self._bytes))
            end = cr if cr >= 0 else lf
            if end < 0:
                self._searched = len(self._bytes) - at
                del self._bytes[:at]
                return
            self._after_cr = end == cr
            line = bytes(self._bytes[at:end])
            at = self._searched = end + 1
            yield line

    def _take(self, line: bytes) -> Frame | None:
        if not line:
            return self._dispatch()
        self._size += len(line)
        if self._size > self._max:
            raise StreamEndedError("too-large", f"an event of more than {self._max} bytes")
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id, self._has_id = value, True
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value) if len(value) <= MAX_RETRY_DIGITS else self.retry_ms
        return None

    def _dispatch(self) -> Frame | None:
        self.last_id = self._id
        data = "\n".join(self._data) if self._data else None
        frame = Frame(self._event or "message", data, self._id if self._has_id else None, self._id, self._size)
        self._clear()
        return frame if frame.data is not None or frame.id is not None else None
