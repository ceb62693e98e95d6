"""The hub hands every batch to every client, and holds no queue for any of them: clients are cursors.

A batch is rendered once for each lane (the live bytes some class of streams shares), appended to the lane's segments,
and *flushed*: each client that has everything before it, and whose socket took that, gets the new bytes at once, in
one write that all share. Any other client is *lagging*: its own coroutine reads on at the client's pace, from the
segments, or from the log where those are gone; when it reaches the end, the client is flushed to again. Both ways
move whole segments, so a client always stands between two batches, and history and live cannot race.

This is the only file of `stream` that knows asyncio. Everything here runs on the loop, except what says otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import smarttree
from smarttree.clock import Clock
from smarttree.modes import View
from smarttree.stream import sse
from smarttree.stream.activity import Window
from smarttree.stream.batch import Batch, Criteria
from smarttree.stream.classes import STATS, TREE, LaneKey, StreamClass
from smarttree.stream.events import INITIAL, REBASE, opening_tail, periodic_stats
from smarttree.stream.lanes import SLICE_BYTES, Client, Lane, Sink
from smarttree.stream.openings import BodyMaker, Key, Opening, Openings, make_opening
from smarttree.stream.replay import IN_THE_LOG, Replay
from smarttree.stream.segments import Run
from smarttree.stream.source import Source
from smarttree.tree import Totals
from smarttree.wire import PROTOCOL_VERSION

_LOG = logging.getLogger("smarttree.stream")

GREETING: Final = f"smarttree {smarttree.__version__}, protocol {PROTOCOL_VERSION}"
REPLAY_BYTES: Final = 32 << 20
INLINE_CHANGES: Final = 200  # about a millisecond of rendering; more is done in a thread
WAITING_COMMENT_S: Final = 2.0  # how often a client that came during the first scan is told how it goes
WINDOWS_FRESH_S: Final = 1.0  # stats of openings are shared for so long
GOODBYE_S: Final = 0.25  # for clients to take their `retry:` at the end


class Hub:
    """See the module. `now_ns` is the wall clock; `retry_ms` the range reconnects are spread over."""

    def __init__(
        self,
        source: Source,
        body_maker: BodyMaker,
        *,
        heartbeat_s: float,
        stats_interval_s: float,
        retry_ms: tuple[int, int],
        now_ns: Callable[[], int],
    ) -> None:
        self._source = source
        self._body_maker = body_maker
        self._heartbeat_s = heartbeat_s
        self._stats_interval_s = stats_interval_s
        self._retry_ms = retry_ms
        self._now_ns = now_ns
        self._lanes: dict[LaneKey, Lane] = {}
        self._sinks: set[Sink] = set()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._head = -1
        self._closing = False
        self._windows: tuple[float, dict[bytes, Window]] = (-1e9, {})

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to follow the service; to be called on the running loop, once."""
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._started = asyncio.Event()
        self._empty = asyncio.Event()
        self._making = asyncio.Lock()
        self._replaying = asyncio.Lock()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._tell_stats())]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)
        self._source.add_listener(self._wake_from_engine)
        self._woken.set()

    def _wake_from_engine(self) -> None:
        """Runs in the engine's thread."""
        if not self._closing:
            self._loop.call_soon_threadsafe(self._woken.set)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.ended.done():
            failure = task.exception()
            if failure is not None:
                _LOG.error("the stream failed", exc_info=failure)
            self.ended.set_result(None)

    async def close(self) -> None:
        """Ends every stream: who can take it at once gets a `retry:`; none is waited for longer than GOODBYE_S."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        self._started.set()
        for lane in self._lanes.values():
            lane.wake_all()
        self._empty.clear()
        if self._sinks:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._empty.wait()
        for sink in tuple(self._sinks):
            sink.abort()
        for _, waiter in self._waiters:
            waiter.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def client_count(self) -> int:
        return len(self._sinks)

    def retry(self) -> bytes:
        """When to come back: what a stream begins with, and ends with where the end is ours."""
        return sse.retry(sse.jitter_ms(*self._retry_ms))

    # -- one client ------------------------------------------------------------------------------------------------

    async def serve(self, sink: Sink, stream_class: StreamClass, since: str | None) -> None:
        """One client's stream, from its preamble until it or the hub ends. `since` is the clock it comes with."""
        self._sinks.add(sink)
        try:
            await sink.write(self.retry()[:-1] + sse.comment(GREETING))
            await self._until_started(sink)
            if not self._closing:
                async with self._selected(stream_class) as (asked, floor):
                    await self._follow(sink, asked, since, floor)
            if self._closing:
                await sink.write(self.retry())
        finally:
            self._sinks.discard(sink)
            if not self._sinks:
                self._empty.set()

    async def _until_started(self, sink: Sink) -> None:
        while not self._started.is_set():
            await sink.write(sse.comment(f"scanning: {self._source.progress.entries} entries so far"))
            with suppress(TimeoutError):
                async with asyncio.timeout(WAITING_COMMENT_S):
                    await self._started.wait()

    @asynccontextmanager
    async def _selected(self, asked: StreamClass) -> AsyncIterator[tuple[StreamClass, int]]:
        """While inside, batches have a part for what is asked for: the class that is served, and since which clock."""
        criteria, selections = asked.criteria, self._source.selections
        if criteria is None:
            yield asked, 0
            return

        def leave(using: asyncio.Future[int | None]) -> None:
            if not using.cancelled() and using.exception() is None and using.result() is not None:
                selections.leave(criteria, self._loop.time())

        using = asyncio.ensure_future(asyncio.to_thread(selections.use, criteria))
        try:
            floor = await asyncio.shield(using)
            yield (asked, max(floor, self._source.log.recent)) if floor is not None else (asked.whole, 0)
        finally:
            using.add_done_callback(leave)

    async def _follow(self, sink: Sink, stream_class: StreamClass, since: str | None, floor: int) -> None:
        """`floor`: the clock from which this class is told."""
        seq = self._resume_seq(since, floor)
        if seq is None:
            seq = await self._open(sink, stream_class, INITIAL if since is None else REBASE, floor)
        key = stream_class.lane
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self._source.log.head, self._loop.time())
        woken = asyncio.Event()
        client = Client(sink, seq, woken.set)
        lane.clients[client] = None
        try:
            if lane.segments.seq < seq:
                await self.reached(seq)
            client.index = lane.index(seq)
            while not self._closing and not lane.lost and await self._send_next(lane, client, woken):
                pass
        finally:
            del lane.clients[client]
            if not lane.clients and self._lanes.get(key) is lane:
                del self._lanes[key]

    def _resume_seq(self, since: str | None, floor: int) -> int | None:
        """The seq to go on from, or None if there is nothing to go on from: then a tree opens the stream."""
        clock = Clock.parse(since) if since is not None else None
        if clock is None or clock.epoch != self._epoch or self._source.log.after(clock.seq, 0) is None:
            return None
        if clock.seq < floor:
            return None
        return clock.seq

    async def _send_next(self, lane: Lane, client: Client, woken: asyncio.Event) -> bool:
        """Sends the next run at the client's pace, or waits for one. False when the log lost the client's place."""
        run = lane.segments.read(client.index, SLICE_BYTES)
        if run is None:
            run = await self._from_log(lane, client.seq)
            if run is None:
                return False
            run = run._replace(next_index=lane.index(run.seq))
        if run.data:
            client.index, client.seq = run.next_index, run.seq
            await client.sink.write(run.data)
        else:
            client.idle = True
            await woken.wait()
            woken.clear()
        return True

    async def _from_log(self, lane: Lane, seq: int) -> Run | None:
        stop_seq = lane.segments.floor
        run = self._replay.cached(lane.key, seq, stop_seq)
        if run is not None:
            return run
        async with self._replaying:
            run = self._replay.cached(lane.key, seq, stop_seq)
            if run is not None:
                return run
            batches = self._replay.missing(lane.key, seq, stop_seq)
            if not batches:
                return None
            rendered = await asyncio.to_thread(self._replay.render, lane.key, batches)
            self._replay.keep(lane.key, rendered)
            return Run(b"".join(data for _, data in rendered), IN_THE_LOG, rendered[-1][0])

    # -- openings --------------------------------------------------------------------------------------------------

    async def _open(self, sink: Sink, stream_class: StreamClass, reason: str, floor: int) -> int:
        """Sends an opening; returns the seq it leads to. A rebase tells its trees even to who asked for none."""
        wants_tree = TREE in stream_class.events
        key = Key(stream_class.mode, stream_class.body and wants_tree, reason, stream_class.criteria)
        opening = await self._opening(key, floor)
        if wants_tree or reason == REBASE:
            await sink.write(opening.data)
        windows = await self._root_windows([path for path, _ in opening.roots])
        told = [(path, windows[path], totals) for path, totals in opening.roots]
        await sink.write(opening_tail(opening.moment, told, stream_class.lane))
        return opening.moment.clock.seq

    async def _opening(self, key: Key, floor: int) -> Opening:
        opening = self._openings.get(key, floor)
        if opening is not None:
            return opening
        async with self._making:  # so that a thousand who come at once have one made
            opening = self._openings.get(key, floor)
            if opening is None:
                opening = await asyncio.to_thread(self._make_opening, key)
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

    # -- batches, heartbeats, stats --------------------------------------------------------------------------------

    async def reached(self, seq: int) -> None:
        """Returns when everything up to `seq` has been handed to every lane."""
        if self._head < seq:
            waiter = self._loop.create_future()
            self._waiters.append((seq, waiter))
            await waiter

    def _arrived(self, seq: int) -> None:
        self._head = seq
        for wanted, waiter in self._waiters:
            if wanted <= seq and not waiter.done():
                waiter.set_result(None)
        self._waiters = [(wanted, waiter) for wanted, waiter in self._waiters if not waiter.done()]

    async def _pump(self) -> None:
        """The one task that appends batches and heartbeats."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_heartbeat()):
                    await self._woken.wait()
            self._woken.clear()
            if self._source.state == "ready":
                if not self._started.is_set():
                    self._begin()
                await self._advance()
                self._beat()

    def _begin(self) -> None:
        log = self._source.log
        self._epoch = self._source.clock.epoch
        self._openings = Openings(log)
        self._replay = Replay(log, self._epoch, REPLAY_BYTES)
        self._started.set()

    def _renew(self) -> None:
        """The log could not be written any more, and a new epoch began: whoever comes back fetches the tree anew."""
        for lane in self._lanes.values():
            lane.lose()
        self._lanes.clear()
        self._begin()

    async def _advance(self) -> None:
        log = self._source.log
        while self._head < (goal := log.head):
            if self._source.clock.epoch != self._epoch:  # asked after the head: what is shown up to there is in it
                self._renew()
            # A lane made while we await starts at the head of that moment, which is no less than the goal.
            for lane in list(self._lanes.values()):
                await self._advance_lane(lane, goal)
            self._arrived(goal)

    async def _advance_lane(self, lane: Lane, goal: int) -> None:
        while lane.clients and (seq := lane.segments.seq) < goal:
            batches = self._replay.missing(lane.key, seq, goal)
            if not batches:
                _LOG.warning("retention is too small: a batch was dropped before it was sent; closing its clients")
                self._lanes.pop(lane.key, None)
                lane.lose()
                return
            for to_seq, data in await self._rendered(lane.key, batches):
                lane.append(to_seq, data, self._loop.time())
            lane.flush()
            await asyncio.sleep(0)  # an engine faster than this loop must not keep requests waiting

    async def _rendered(self, key: LaneKey, batches: Sequence[Batch]) -> list[tuple[int, bytes]]:
        if sum(len(batch.changes) for batch in batches) <= INLINE_CHANGES:
            return self._replay.render(key, batches)
        return await asyncio.to_thread(self._replay.render, key, batches)

    def _until_heartbeat(self) -> float:
        touched = min((lane.touched for lane in self._lanes.values()), default=self._loop.time())
        return max(0.0, touched + self._heartbeat_s - self._loop.time())

    def _beat(self) -> None:
        now = self._loop.time()
        for lane in self._lanes.values():
            if now - lane.touched >= self._heartbeat_s:
                seq = lane.segments.seq
                lane.append(seq, sse.heartbeat(str(Clock(self._epoch, seq))), now)
                lane.flush()

    async def _tell_stats(self) -> None:
        """The other task: periodic stats, an interlude for each lane that wants them."""
        while True:
            await asyncio.sleep(self._stats_interval_s)
            for criteria in {key.criteria for key in self._lanes if STATS in key.events}:
                told = await asyncio.to_thread(self._current_stats, criteria)
                for lane in list(self._lanes.values()):
                    if STATS in lane.key.events and lane.key.criteria == criteria:
                        seq = lane.segments.seq
                        lane.append(seq, periodic_stats(Clock(self._epoch, seq), told), self._loop.time())
                        lane.flush()

    def _current_stats(self, criteria: Criteria | None) -> list[tuple[bytes, Window, Totals]]:
        """Runs in a thread."""
        if criteria is None:
            tree = self._source.view().tree
            roots = [(tree.path(root), tree.totals(root)) for root in tree.roots()]
        else:
            roots = self._source.selections.totals(criteria)
        now_ns = self._now_ns()
        return [(path, self._source.activity.summary(now_ns, path), totals) for path, totals in roots]
