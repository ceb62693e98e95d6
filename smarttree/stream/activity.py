"""What happened lately, below any path: windows of a minute to a day that slide. Pure: the time is passed in.

    1 s      for five minutes       sheets, each of so much time: the changes by path (`_tally.pyx`)
    10 s     for an hour
    5 min    for a day

What has grown old is put together into coarser sheets. All of them have TALLIES_BYTES; where that is too little,
the largest gives half of what it has: what changed least is counted with its directory from then on. So what happened
below a root is always exact; below another path it is, but where that is said.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, NamedTuple

from smarttree._tally import Tally
from smarttree.stream.batch import Batch

INTERVALS: Final = {"1m": 60, "5m": 300, "1h": 3600, "24h": 86400}
"""The windows there are, in seconds, the shortest first."""
STREAMED: Final = "5m"
HOT_FILES: Final = 10
TALLIES_BYTES: Final = 4 << 20
SHEET_BYTES: Final = 512 << 10
_NS: Final = 1_000_000_000


class Window(NamedTuple):
    """What happened lately below a path. `hot_files` are relative to it, the one changed most often first.

    `is_exact`: all is counted; else some of it was counted with a directory above.
    """

    changes: int
    growth_bytes: int
    hot_files: list[str]
    is_exact: bool = True


class _Level(NamedTuple):
    span_s: int
    age_s: int  # how old a sheet gets here


_LEVELS: Final = (_Level(1, 300), _Level(10, 3600), _Level(300, 86400))


@dataclass(slots=True)
class _Sheet:
    """The changes of the seconds `start` to `last`. Only the newest of all is added to; no other is ever changed."""

    start: int
    last: int
    tally: Tally = field(default_factory=Tally)


def _joined(sheets: Sequence[_Sheet], span_s: int) -> _Sheet:
    start = sheets[0].start - sheets[0].start % span_s
    joined = _Sheet(start, start + span_s - 1)
    for sheet in sheets:
        joined.tally.take(sheet.tally, b"")
    joined.tally = joined.tally.folded(SHEET_BYTES)
    return joined


class _Sheets:
    """The sheets of a day. Times are whole seconds; one that runs backwards counts as the newest seen."""

    def __init__(self) -> None:
        self._levels: tuple[deque[_Sheet], ...] = tuple(deque() for _ in _LEVELS)
        self._nbytes = 0
        self.now = 0

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def add(self, second: int, batch: Batch, roots: Iterable[bytes]) -> None:
        self.pass_to(second)
        newest = self._levels[0]
        if not newest or newest[-1].start < self.now:
            self._put(0, _Sheet(self.now, self.now))
        sheet = newest[-1]
        before = sheet.tally.nbytes
        for root in roots:
            sheet.tally.add(batch.changes, root)
        if sheet.tally.nbytes > SHEET_BYTES:
            sheet.tally = sheet.tally.folded(SHEET_BYTES // 2)
        self._nbytes += sheet.tally.nbytes - before
        self._make_room()

    def _put(self, level: int, sheet: _Sheet) -> None:
        self._levels[level].append(sheet)
        self._nbytes += sheet.tally.nbytes

    def _make_room(self) -> None:
        while self._nbytes > TALLIES_BYTES:
            largest = max(chain(*self._levels), key=lambda sheet: sheet.tally.nbytes)
            before = largest.tally.nbytes
            largest.tally = largest.tally.folded(before // 2)
            if largest.tally.nbytes == before:  # nothing but roots: there are not many
                return
            self._nbytes += largest.tally.nbytes - before

    def pass_to(self, now: int) -> None:
        """The time is `now`: put what has grown old with others of its time, and forget what is older than a day."""
        self.now = max(self.now, now)
        for level, (_, age_s) in enumerate(_LEVELS):
            sheets, oldest = self._levels[level], self.now - age_s
            span_s = _LEVELS[min(level + 1, len(_LEVELS) - 1)].span_s
            while sheets and sheets[0].start - sheets[0].start % span_s + span_s - 1 <= oldest:
                end = sheets[0].start - sheets[0].start % span_s + span_s
                aged = [sheets.popleft()]
                while sheets and sheets[0].start < end:
                    aged.append(sheets.popleft())
                self._nbytes -= sum(sheet.tally.nbytes for sheet in aged)
                if level + 1 < len(_LEVELS):
                    self._put(level + 1, _joined(aged, span_s))

    def newest_first(self) -> list[tuple[int, Tally]]:
        """Tallies with their last seconds, to be read while others are added."""
        found = [(sheet.last, sheet.tally) for level in self._levels for sheet in reversed(level)]
        if found and found[0][0] == self.now:
            found[0] = (self.now, found[0][1].copy())
        return found

    def take_in(self, past: _Sheets) -> None:
        """All that another has, of an earlier time."""
        past.pass_to(self.now)
        self.pass_to(past.now)
        for level, (span_s, _) in enumerate(_LEVELS):
            sheets = sorted([*past._levels[level], *self._levels[level]], key=lambda sheet: sheet.start)
            self._levels[level].clear()
            for sheet in sheets:
                if self._levels[level] and self._levels[level][-1].start == sheet.start:
                    sheet = _joined([self._levels[level].pop(), sheet], span_s)
                self._levels[level].append(sheet)
        self._nbytes = sum(sheet.tally.nbytes for sheet in chain(*self._levels))
        self._make_room()


def _with_slash(path: bytes) -> bytes:
    return path.rstrip(b"/") + b"/"


class Activity:
    """The windows of all roots, and of all that is below them. Thread-safe: the engine adds, requests ask.

    `since_ns`: from when on all changes are known.
    """

    def __init__(self, roots: Sequence[bytes]) -> None:
        self._lock = threading.Lock()
        self._roots = tuple(map(_with_slash, roots))
        self._sheets = _Sheets()
        self.since_ns = 0

    @property
    def nbytes(self) -> int:
        return self._sheets.nbytes

    def begin(self, now_ns: int) -> None:
        """From now on changes are told."""
        self.since_ns = self.since_ns or now_ns

    def add_root(self, root: bytes) -> None:
        """Count what happens there from now on."""
        with self._lock:
            self._roots = tuple(dict.fromkeys((*self._roots, _with_slash(root))))

    def drop_root(self, root: bytes) -> None:
        """Count nothing there any more; what has happened has. No such root is no error."""
        with self._lock:
            self._roots = tuple(each for each in self._roots if each != _with_slash(root))

    def add(self, batch: Batch) -> None:
        """Counts a batch, at the second of its commit. 0.2 µs a change; at most 0.5 µs where there is no room left."""
        with self._lock:
            self._sheets.add(batch.time_ns // _NS, batch, self._roots)

    def remember(self, batches: Iterable[Batch], now_ns: int) -> None:
        """Batches of an earlier run, in their order, none of which came later than `now_ns`, whatever it says."""
        past, since_ns = _Sheets(), 0
        for batch in batches:
            time_ns = min(batch.time_ns, now_ns)
            since_ns = since_ns or time_ns
            past.add(time_ns // _NS, batch, self._roots)
        if since_ns:
            with self._lock:
                self._sheets.take_in(past)
                self.since_ns = min(since_ns, self.since_ns or since_ns)

    def summary(self, now_ns: int, path: bytes) -> Window:
        """What streams tell of a path."""
        return next(self.windows(now_ns, path, (STREAMED,)))

    def windows(self, now_ns: int, path: bytes, names: Iterable[str] = tuple(INTERVALS)) -> Iterator[Window]:
        """The windows of these names, the shortest first, before `now_ns` and below a path. O(what is counted in them):
        5 ms at most, without the lock and the GIL.
        """
        with self._lock:
            self._sheets.pass_to(now_ns // _NS)
            now, sheets = self._sheets.now, deque(self._sheets.newest_first())
        prefix, found = _with_slash(path), Tally()
        changes, growth_bytes, is_exact = 0, 0, True
        for name in names:
            while sheets and sheets[0][0] > now - INTERVALS[name]:
                more, growth, is_all = found.take(sheets.popleft()[1], prefix)
                changes, growth_bytes, is_exact = changes + more, growth_bytes + growth, is_exact and is_all
            hottest = found.hottest(HOT_FILES)
            hot_files = [each.removeprefix(prefix).decode("utf-8", "replace") for each, _ in hottest]
            yield Window(changes, growth_bytes, hot_files, is_exact)
