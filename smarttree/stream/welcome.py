"""What a client is sent before its first batch: a preamble, patience while the first scan runs, and an opening.

Whatever is costly is made once, in a thread, for all who come at about the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import smarttree
from smarttree.clock import Clock
from smarttree.codec.coding import IDENTITY, piece, preface
from smarttree.modes import View
from smarttree.stream import sse
from smarttree.stream.activity import Window
from smarttree.stream.batch import Batch, Criteria
from smarttree.stream.classes import TREE, LaneKey, StreamClass
from smarttree.stream.compacted import Answer, Answers
from smarttree.stream.events import INITIAL, REBASE, opening_tail, render
from smarttree.stream.lanes import Sink
from smarttree.stream.openings import BodyMaker, Key, Opening, Openings, make_opening
from smarttree.stream.source import Source
from smarttree.tree import Totals
from smarttree.wire import PROTOCOL_VERSION

GREETING: Final = f"smarttree {smarttree.__version__}, protocol {PROTOCOL_VERSION}"
WAITING_COMMENT_S: Final = 2.0  # how often a client that came during the first scan is told how it goes
WINDOWS_FRESH_S: Final = 1.0  # stats of openings are shared for so long


class Welcome:
    """See the module. To be made on the loop; `begin` says that the first scan is done."""

    def __init__(self, source: Source, body_maker: BodyMaker, now_ns: Callable[[], int]) -> None:
        self._source = source
        self._body_maker = body_maker
        self._now_ns = now_ns
        self._loop = asyncio.get_running_loop()
        self.started = asyncio.Event()
        self._making, self._compacting = asyncio.Lock(), asyncio.Lock()
        self._windows: tuple[float, dict[bytes, Window]] = (-1e9, {})

    def begin(self) -> None:
        self._epoch = self._source.clock.epoch
        self._openings, self._answers = Openings(self._source.log), Answers(self._source.log)
        self.started.set()

    async def greet(self, sink: Sink, retry: bytes, coding: str) -> None:
        """The preamble, then comments until the first scan is done."""
        await sink.write(preface(coding) + piece(coding, retry[:-1] + sse.comment(GREETING)))
        while not self.started.is_set():
            told = sse.comment(f"scanning: {self._source.progress.entries} entries so far")
            await sink.write(piece(coding, told))
            with suppress(TimeoutError):
                async with asyncio.timeout(WAITING_COMMENT_S):
                    await self.started.wait()

    async def bring(self, sink: Sink, stream_class: StreamClass, since: str | None, floor: int) -> int:
        """The seq that batches follow on: that of a clock which the log knows, or of what it sends: a compacted batch
        from a clock that is remembered, or an opening.

        `floor`: the clock from which this class is told.
        """
        clock, log = Clock.parse(since) if since is not None else None, self._source.log
        if clock is not None and clock.epoch == self._epoch:
            if clock.seq >= floor and log.after(clock.seq, 0) is not None:
                return clock.seq
            if stream_class.criteria is None and log.horizon <= clock.seq < log.oldest:
                answer = await self._compacted(clock, stream_class.lane)
                if answer is not None and answer.batch is not None:
                    await sink.write(answer.rendered[stream_class.lane])
                    return answer.batch.to_seq
        return await self._open(sink, stream_class, INITIAL if since is None else REBASE, floor)

    async def _compacted(self, clock: Clock, lane: LaneKey) -> Answer | None:
        """What leads from a clock to a recent one, rendered for a class; None where the tree is to be sent."""
        async with self._compacting:
            answer = self._answers.get(clock.seq, self._loop.time())
            if answer is None and self._answers.has_room():
                batch = await asyncio.to_thread(self._source.compact, clock)
                answer = Answer(clock.seq, batch, self._loop.time())
                self._answers.put(answer)
            if answer is not None and answer.batch is not None and lane not in answer.rendered:
                if not self._answers.has_bytes():
                    return None
                answer.rendered[lane] = await asyncio.to_thread(_rendered, answer.batch, clock.epoch, lane)
        return answer if self._epoch == clock.epoch else None

    async def _open(self, sink: Sink, stream_class: StreamClass, reason: str, floor: int) -> int:
        """A rebase tells its trees even to who asked for none."""
        wants_tree = TREE in stream_class.events
        asked, body = stream_class, stream_class.body and wants_tree
        key = Key(asked.mode, body, reason, asked.criteria, body and asked.manifest, asked.coding)
        opening = await self._opening(key, floor)
        if wants_tree or reason == REBASE:
            opening.give()
            await sink.write(opening.data)
            opening.give()  # a slow client has it only now
        windows = await self._root_windows([path for path, _ in opening.roots])
        told = [(path, windows[path], totals) for path, totals in opening.roots]
        await sink.write(piece(stream_class.coding, opening_tail(opening.moment, told, stream_class.lane)))
        return opening.moment.clock.seq

    async def _opening(self, key: Key, floor: int) -> Opening:
        opening = self._openings.get(key, floor)
        if opening is not None:
            return opening
        async with self._making:  # so that a thousand who come at once have one made
            plain = await self._made_opening(key._replace(coding=IDENTITY), floor)
            return plain if key.coding == IDENTITY else await self._made_opening(key, floor, plain)

    async def _made_opening(self, key: Key, floor: int, plain: Opening | None = None) -> Opening:
        """As it is at hand; else made, or compressed from `plain`. One at a time."""
        opening = self._openings.get(key, floor)
        if opening is None:
            if plain is None:
                opening = await asyncio.to_thread(self._make_opening, key)
            else:
                opening = await asyncio.to_thread(plain.coded, key.coding)
            self._openings.put(key, opening)
        return opening

    def _make_opening(self, key: Key) -> Opening:
        """Runs in a thread."""
        return make_opening(self._view_of(key.criteria), key, self._body_maker)

    def _view_of(self, criteria: Criteria | None) -> View:
        """Runs in a thread."""
        if criteria is None:
            return self._source.view()
        while True:
            epoch = self._source.clock.epoch
            view = self._source.selections.view(criteria, epoch)
            if self._source.clock.epoch == epoch:  # it is renewed before a clock of it is shown
                return view

    async def _root_windows(self, paths: Sequence[bytes]) -> dict[bytes, Window]:
        made, windows = self._windows
        if self._loop.time() - made > WINDOWS_FRESH_S or not windows.keys() >= set(paths):
            windows = await asyncio.to_thread(self._summaries, paths)
            self._windows = (self._loop.time(), windows)
        return windows

    def _summaries(self, paths: Sequence[bytes]) -> dict[bytes, Window]:
        """Runs in a thread."""
        return {path: self._source.activity.summary(self._now_ns(), path) for path in paths}

    async def current_stats(self, criteria: Criteria | None) -> list[tuple[bytes, Window, Totals]]:
        """Of the roots as they are seen, now: what periodic stats tell."""
        return await asyncio.to_thread(self._current_stats, criteria)

    def _current_stats(self, criteria: Criteria | None) -> list[tuple[bytes, Window, Totals]]:
        """Runs in a thread."""
        if criteria is None:
            tree = self._source.view().tree
            roots = [(tree.path(root), tree.totals(root)) for root in tree.roots()]
        else:
            roots = self._source.selections.totals(criteria)
        now_ns = self._now_ns()
        return [(path, self._source.activity.summary(now_ns, path), totals) for path, totals in roots]


def _rendered(batch: Batch, epoch: int, lane: LaneKey) -> bytes:
    return piece(lane.coding, render(batch, epoch, lane))
