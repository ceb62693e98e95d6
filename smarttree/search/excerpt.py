"""Excerpts: of one file's content the lines that match, with those around them, as ripgrep tells them; pure.

A match never goes beyond its line. Bounded: of a line up to LINE_BYTES_MAX are told, and SUBMATCHES_MAX of the matches
in it; a line that is not told whole is marked by `cut`. In one of more than SOUGHT_BYTES_MAX, an expression is looked
for in so many at its start, and that is counted.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import Final, NamedTuple

from smarttree._grep import count_lines
from smarttree.search.pattern import Pattern

LINE_BYTES_MAX: Final = 16 << 10
SUBMATCHES_MAX: Final = 256
SOUGHT_BYTES_MAX: Final = 1 << 20
_WINDOW_BYTES: Final = 256 << 10  # an expression is looked for in so much, and its line, at a time
_LEAD_BYTES: Final = 1 << 10  # of a long line so much is told before the first match

Span = tuple[int, int]


class Message(NamedTuple):
    """What is told: `begin`, `match`, `context`, `end`, or `entry`; its data as JSON; how many matches are in it."""

    kind: str
    data: bytes
    matches: int = 0


class Line(NamedTuple):
    """A line of the content, with its end if it has one; and where it matches, or () in a line around."""

    start: int
    end: int
    spans: tuple[Span, ...] = ()
    is_cut: bool = False


def text_json(data: bytes) -> str:
    """Bytes as ripgrep tells them, as JSON."""
    try:
        return f'{{"text":{encode_basestring(data.decode())}}}'
    except UnicodeDecodeError:
        return f'{{"bytes":"{b64encode(data).decode()}"}}'


class Seeker:
    """Looks for a pattern in one content after the other. `stopped` is asked now and then."""

    def __init__(self, pattern: Pattern, stopped: Callable[[], bool]) -> None:
        self._pattern, self._stopped = pattern, stopped
        self.long_lines = 0  # that were not searched to their end

    def lines(self, data: bytes, first: int) -> Iterator[Line]:
        """The lines that match. Nothing matches before the line of `first`."""
        at = data.rfind(b"\n", 0, first) + 1
        while at < len(data) and not self._stopped():
            stop, after = self._window(data, at)
            found = self._pattern.search(data, at, stop)
            if found is None or self._is_behind_the_last_line(data, found):
                at = after
                continue
            start = data.rfind(b"\n", at, found[0]) + 1 or at
            end = self._end_of_line(data, found[0])
            line = self._line(data, start, end, found)
            if line is not None:
                yield line
            at = end

    def _window(self, data: bytes, at: int) -> Span:
        """Up to where to look from the beginning of a line on, and where to go on: at that of another."""
        if self._pattern.exact is not None:
            return len(data), len(data)
        after = self._end_of_line(data, min(at + _WINDOW_BYTES, len(data)))
        if after - at <= SOUGHT_BYTES_MAX:
            return after, after
        start = data.rfind(b"\n", at, at + _WINDOW_BYTES) + 1
        if start:  # the long line is looked at next, by itself
            return start, start
        self.long_lines += 1
        return at + SOUGHT_BYTES_MAX, after

    def _is_behind_the_last_line(self, data: bytes, found: Span) -> bool:
        """What is found there is nothing, and not in a line."""
        return found[0] == len(data) and data.endswith(b"\n")

    def _end_of_line(self, data: bytes, at: int) -> int:
        return data.find(b"\n", at) + 1 or len(data)

    def _line(self, data: bytes, start: int, end: int, found: Span) -> Line | None:
        """A line with what matches in it; None where only what goes beyond it did."""
        bare = end - data.endswith(b"\n", start, end)
        if self._pattern.exact is None:
            bare = min(bare, start + SOUGHT_BYTES_MAX)
        spans: list[Span] = []
        last = -1
        next_: Span | None = found if found[1] <= bare else self._pattern.search(data, found[0], bare)
        while next_ is not None and len(spans) < SUBMATCHES_MAX and next_[1] <= found[0] + LINE_BYTES_MAX:
            if next_[0] < next_[1] or next_[0] != last:  # nothing right behind something is none
                spans.append(next_)
            last = next_[1]
            at = last if next_[0] < last else _next_character(data, last)
            next_ = self._pattern.search(data, at, bare) if at <= bare else None
        if not spans and next_ is not None:
            spans.append(next_)  # too long to be told, and still a match
        return Line(start, end, tuple(spans), next_ is not None) if spans else None


def _next_character(data: bytes, at: int) -> int:
    at += 1
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def with_context(data: bytes, lines: Iterator[Line], count: int) -> Iterator[Line]:
    """The lines with so many before and behind each, every one once and in their order."""
    told = 0  # up to where lines were told
    behind = 0  # how many more belong to the last match
    for line in lines:
        while behind and told < line.start:
            yield Line(told, told := data.find(b"\n", told) + 1 or len(data))
            behind -= 1
        start = line.start
        for _ in range(count):
            if start <= told:
                break
            start = data.rfind(b"\n", told, start - 1) + 1 or told
        while start < line.start:
            yield Line(start, start := data.find(b"\n", start) + 1 or len(data))
        yield line
        told, behind = line.end, count
    while behind and told < len(data):
        yield Line(told, told := data.find(b"\n", told) + 1 or len(data))
        behind -= 1


def messages(path: bytes, data: bytes, lines: Iterator[Line], context: int) -> Iterator[Message]:
    """What is told of a file: that it begins, if any line matches, and the lines."""
    shown, number, counted, begun = text_json(path), 1, 0, False
    for line in with_context(data, lines, context) if context else lines:
        if not begun:
            yield Message("begin", f'{{"path":{shown}}}'.encode())
            begun = True
        number += count_lines(data, counted, line.start)
        counted = line.start
        yield _message(shown, data, line, number)


def _message(shown: str, data: bytes, line: Line, number: int) -> Message:
    """JSON written by hand: half of what a search with many matches would else take."""
    start, end = _part(data, line)
    matches = ",".join(
        f'{{"match":{text_json(data[low:high])},"start":{low - start},"end":{high - start}}}'
        for low, high in line.spans
        if start <= low and high <= end
    )
    cut = ""
    if line.is_cut or (start, end) != (line.start, line.end):
        cut = f',"cut":{{"start":{start - line.start},"bytes":{line.end - line.start}}}'
    told = (
        f'{{"path":{shown},"lines":{text_json(data[start:end])},"line_number":{number},'
        f'"absolute_offset":{line.start},"submatches":[{matches}]{cut}}}'
    )
    return Message("match" if line.spans else "context", told.encode(), len(line.spans))


def _part(data: bytes, line: Line) -> Span:
    """What of a line is told: of a long one what is around its first match, whole characters."""
    if line.end - line.start <= LINE_BYTES_MAX:
        return line.start, line.end
    start = line.start
    if line.spans:
        start = max(start, min(line.spans[0][0] - _LEAD_BYTES, line.end - LINE_BYTES_MAX))
    end = start + LINE_BYTES_MAX
    while end < line.end and end > start and data[end] & 0xC0 == 0x80:
        end -= 1
    while start > line.start and start < end and data[start] & 0xC0 == 0x80:
        start += 1
    return start, end
