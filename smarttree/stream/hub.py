"""The hub renders every batch once for each lane, and has it carried to every client; none has a queue.

A batch is rendered once for each lane (the live bytes some class of streams shares), appended to the lane's segments,
and flushed: the carriers give each client what it lacks. Who moves the bytes is behind `Carrier`: the reactor's thread
(`reacting.py`) for plain sockets, this loop (`looped.py`) for all else. Everything here runs on the loop, except what
says otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from smarttree.clock import Clock
from smarttree.codec.coding import piece
from smarttree.stream import sse
from smarttree.stream.batch import Batch, Criteria
from smarttree.stream.carriers import AUTO, REACTOR, choose, make_reacting
from smarttree.stream.classes import STATS, LaneKey, StreamClass
from smarttree.stream.events import periodic_stats
from smarttree.stream.figures import Figures, together
from smarttree.stream.lanes import GOODBYE_S, Carrier, Guest, Lane, Sink, share
from smarttree.stream.looped import Looped
from smarttree.stream.openings import BodyMaker
from smarttree.stream.past import Past
from smarttree.stream.replay import Rendered
from smarttree.stream.source import Source
from smarttree.stream.welcome import Welcome

_LOG = logging.getLogger("smarttree.stream")

INLINE_CHANGES: Final = 200  # about a millisecond of rendering; more is done in a thread


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
        fanout: str = AUTO,
    ) -> None:
        self._source = source
        self._body_maker = body_maker
        self._heartbeat_s = heartbeat_s
        self._stats_interval_s = stats_interval_s
        self._retry_ms = retry_ms
        self._now_ns = now_ns
        self._fanout = choose(fanout)
        self._lanes: dict[LaneKey, Lane] = {}
        self._sinks: set[Sink] = set()  # those whose handlers run: all of the loop's, and who will be the reactor's
        self._reacting: Carrier | None = None
        self._carriers: list[Carrier] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._most = share(0)  # bytes that a lane keeps
        self._head = -1
        self._closing = False

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to follow the service; to be called on the running loop, once."""
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._empty = asyncio.Event()
        self._welcome = Welcome(self._source, self._body_maker, self._now_ns)
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._tell_stats())]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)
        self._source.add_listener(self._wake_from_engine)
        self._woken.set()

    def _begin(self) -> None:
        """The first scan is done."""
        self._epoch = self._source.clock.epoch
        past = self._past = Past(self._source.log, self._epoch)
        self._looped = Looped(past, self.retry)
        self._carriers = [self._looped]
        if self._fanout == REACTOR:
            self._reacting = make_reacting(past, self.retry)
            self._carriers.append(self._reacting)
        self._welcome.begin()

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
        """Ends every stream: who can take it in time gets a `retry:`; none is waited for longer than GOODBYE_S."""
        if self._closing:
            return
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._welcome.started.set()
        await asyncio.gather(self._end_handlers(), *(carrier.close() for carrier in self._carriers))
        for _, waiter in self._waiters:
            waiter.cancel()

    async def _end_handlers(self) -> None:
        self._empty.clear()
        if self._sinks:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._empty.wait()
        for sink in tuple(self._sinks):
            sink.abort()

    def end(self, is_over: Callable[[Guest], bool]) -> None:
        """End the streams of guests of whom that is said: their token is gone, say."""
        for sink in [sink for sink in self._sinks if is_over(sink.guest)]:  # with those that still get their opening
            sink.abort()
        for carrier in self._carriers:
            carrier.end(is_over)

    @property
    def client_count(self) -> int:
        return len(self._sinks) + (len(self._reacting) if self._reacting is not None else 0)

    async def figures(self) -> Figures:
        """How the streams do. Those that still get their opening are not among them."""
        return together([await carrier.figures() for carrier in self._carriers])

    def retry(self) -> bytes:
        """When to come back: what a stream begins with, and ends with where the end is ours."""
        return sse.retry(self.retry_ms())

    def retry_ms(self) -> int:
        return sse.jitter_ms(*self._retry_ms)

    # -- one client ------------------------------------------------------------------------------------------------

    async def serve(self, sink: Sink, stream_class: StreamClass, since: str | None) -> None:
        """One client's stream, from its preamble until it ends, or is the reactor's. `since` is the clock it comes
        with.
        """
        self._sinks.add(sink)
        try:
            await self._welcome.greet(sink, self.retry(), stream_class.coding)
            if not self._closing:
                async with self._selected(stream_class) as (asked, floor):
                    await self._follow(sink, asked, since, floor)
            else:
                await sink.write(piece(stream_class.coding, self.retry()))
        finally:
            self._sinks.discard(sink)
            if not self._sinks:
                self._empty.set()

    @asynccontextmanager
    async def _selected(self, asked: StreamClass) -> AsyncIterator[tuple[StreamClass, int]]:
        """While inside, batches have a part for what is asked for: the class that is served, and since which clock."""
        if asked.criteria is None:
            yield asked, 0
            return
        async with self.using(asked.criteria) as floor:
            yield (asked, max(floor, self._source.log.recent)) if floor is not None else (asked.whole, 0)

    @asynccontextmanager
    async def using(self, criteria: Criteria) -> AsyncIterator[int | None]:
        """While inside, batches have a part for these criteria: since which clock; None where there are too many
        others. Who leaves while it is made is no user of it either, once it is.
        """
        selections = self._source.selections

        def leave(using: asyncio.Future[int | None]) -> None:
            if not using.cancelled() and using.exception() is None and using.result() is not None:
                selections.leave(criteria, self._loop.time())

        using = asyncio.ensure_future(asyncio.to_thread(selections.use, criteria))
        try:
            yield await asyncio.shield(using)
        finally:
            using.add_done_callback(leave)

    async def _follow(self, sink: Sink, stream_class: StreamClass, since: str | None, floor: int) -> None:
        seq = await self._welcome.bring(sink, stream_class, since, floor)
        lane = self._lane(stream_class.lane)
        lane.enter()
        try:
            if lane.segments.seq < seq:
                await self.reached(seq)
            plain = self._reacting is not None and await sink.settle()
            if self._closing or lane.lost:
                await sink.write(piece(stream_class.coding, self.retry()))
            elif self._reacting is not None and plain:
                await self._reacting.carry(sink, lane, seq)
            else:
                await self._looped.carry(sink, lane, seq)
        finally:
            lane.leave()

    def _lane(self, key: LaneKey) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self._source.log.head, self._loop.time(), self._emptied)
            lane.segments.bound(self._most)
            self._share()
            if key.criteria is not None:  # its clients outlive the handlers that have asked for it
                self._source.selections.share(key.criteria)
        return lane

    def _share(self) -> None:
        """Lanes have come or gone: each may keep as much as there is for it. O(lanes), where there are many."""
        most = share(len(self._lanes))
        if most != self._most:
            self._most = most
            for lane in self._lanes.values():
                lane.segments.bound(most)

    def _emptied(self, lane: Lane) -> None:
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
            self._share()
        if lane.key.criteria is not None:
            self._source.selections.leave(lane.key.criteria, self._loop.time())

    # -- batches, heartbeats, stats --------------------------------------------------------------------------------

    def _flush(self, lane: Lane) -> None:
        for carrier in self._carriers:
            carrier.flush(lane)

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
                if not self._welcome.started.is_set():
                    self._begin()
                await self._advance()
                self._beat()

    def _renew(self) -> None:
        """The log could not be written any more, and a new epoch began: whoever comes back fetches the tree anew."""
        for lane in self._lanes.values():
            self._lose(lane)
        self._lanes.clear()
        self._epoch = self._source.clock.epoch
        self._past.renew(self._epoch)
        self._welcome.begin()

    def _lose(self, lane: Lane) -> None:
        lane.lost = True
        for carrier in self._carriers:
            carrier.lose(lane)

    async def _advance(self) -> None:
        log = self._source.log
        while self._head < (goal := log.head):
            if self._source.clock.epoch != self._epoch:  # asked after the head: what is shown up to there is in it
                self._renew()
            # A lane made while we await starts at the head of that moment, which is no less than the goal.
            for key in dict.fromkeys(key.plain for key in self._lanes):
                await self._advance_lanes([lane for lane in self._lanes.values() if lane.key.plain == key], goal)
            self._arrived(goal)

    async def _advance_lanes(self, lanes: Sequence[Lane], goal: int) -> None:
        """Of lanes that differ in their coding alone: each batch is rendered once for all of them."""
        while behind := [lane for lane in lanes if lane.clients and not lane.lost and lane.segments.seq < goal]:
            seq = min(lane.segments.seq for lane in behind)
            batches = self._past.replay.missing(behind[0].key, seq, goal)
            if not batches:
                _LOG.warning("retention is too small: a batch was dropped before it was sent; closing its clients")
                for lane in behind:
                    if lane.segments.seq == seq:
                        self._lanes.pop(lane.key, None)
                        self._lose(lane)
                continue
            rendered = await self._rendered([lane.key for lane in behind], batches)
            for lane in behind:
                for to_seq, data in rendered[lane.key]:
                    if to_seq > lane.segments.seq:
                        lane.append(to_seq, data, self._loop.time())
                self._flush(lane)
            await asyncio.sleep(0)  # an engine faster than this loop must not keep requests waiting

    async def _rendered(self, keys: Sequence[LaneKey], batches: Sequence[Batch]) -> Rendered:
        render = self._past.replay.render_all
        if sum(len(batch.changes) for batch in batches) <= INLINE_CHANGES:
            return render(keys, batches)
        return await asyncio.to_thread(render, keys, batches)

    def _until_heartbeat(self) -> float:
        touched = min((lane.touched for lane in self._lanes.values()), default=self._loop.time())
        return max(0.0, touched + self._heartbeat_s - self._loop.time())

    def _beat(self) -> None:
        now = self._loop.time()
        for lane in self._lanes.values():
            if now - lane.touched >= self._heartbeat_s:
                lane.interpose(sse.heartbeat(str(Clock(self._epoch, lane.segments.seq))), now)
                self._flush(lane)

    async def _tell_stats(self) -> None:
        """The other task: periodic stats, an interlude for each lane that wants them."""
        while True:
            await asyncio.sleep(self._stats_interval_s)
            for criteria in {key.criteria for key in self._lanes if STATS in key.events}:
                told = await self._welcome.current_stats(criteria)
                if not told:  # the root that they are about has gone
                    continue
                for lane in list(self._lanes.values()):
                    if STATS in lane.key.events and lane.key.criteria == criteria:
                        stats = periodic_stats(Clock(self._epoch, lane.segments.seq), told)
                        lane.interpose(stats, self._loop.time())
                        self._flush(lane)
