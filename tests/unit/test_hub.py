"""The hub with a log that is fed by hand and clients in memory: every client gets every batch once and in order,
however slowly it reads and wherever it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import pytest

from smarttree.clock import Clock
from smarttree.modes import View
from smarttree.stream import hub as hub_module
from smarttree.stream import lanes as lanes_module
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Batch, Change, Changes
from smarttree.stream.classes import EVENTS, StreamClass
from smarttree.stream.events import Body
from smarttree.stream.hub import Hub
from smarttree.stream.log import Log
from smarttree.tree import Totals, Tree
from tests.clients.sse import Frame, Parser
from tests.unselected import NoSelections

EPOCH = 7
DEADLINE_S = 10.0
ALL = StreamClass("quantum", frozenset(EVENTS))
MESSAGES = StreamClass("quantum", frozenset({"message"}))


class Progress(NamedTuple):
    entries: int = 3


class Source:
    """A service without a disk: an empty tree, and a log that the test appends to."""

    def __init__(self, *, state: str = "ready", retention_bytes: int = 1 << 30) -> None:
        self.state = state
        self.progress = Progress()
        self.log = Log(0, retention_bytes=retention_bytes, retention_s=1e9)
        self.activity = Activity([])
        self.selections = NoSelections()
        self.listener: Callable[[], None] = lambda: None
        self.views = 0

    @property
    def clock(self) -> Clock:
        return Clock(EPOCH, self.log.head)

    def view(self) -> View:
        self.views += 1
        return View(self.clock, Tree(), 0)

    def compact(self, since: Clock, /) -> Batch | None:
        return None

    def add_listener(self, listener: Callable[[], None], /) -> None:
        self.listener = listener

    def commit(self, count: int = 1, *, size: int = 10) -> None:
        for _ in range(count):
            seq = self.log.head
            change = Change("modified", b"/r/" + b"x" * size, None, "file", 0, b"", 0)
            self.log.append(Batch(seq, seq + 1, 0, b"", Changes([change]), 0, Totals(0, 0, 0), False))
        self.listener()


class Guest:
    """Of no concern here."""

    def enter(self) -> None:
        """A user more."""

    def leave(self) -> None:
        """A user less."""


class Sink:
    """A client in memory. While `stalled` it takes nothing, as a full socket."""

    def __init__(self, *, stalled: bool = False) -> None:
        self.parser = Parser()
        self.frames: list[Frame] = []
        self.flow = asyncio.Event()
        self.changed = asyncio.Event()
        self.aborted = False
        self.guest = Guest()
        self.written = 0
        self.sent = 0
        if not stalled:
            self.flow.set()

    @property
    def peer(self) -> str:
        return "memory"

    async def settle(self) -> bool:
        return False

    def detach(self) -> int:
        raise AssertionError("there is no descriptor")

    def free(self) -> bool:
        return self.flow.is_set()

    def send(self, data: bytes) -> None:
        assert self.free()
        self.sent += 1
        self._take(data)

    async def write(self, data: bytes) -> None:
        await self.flow.wait()
        if self.aborted:
            raise ConnectionResetError("aborted")
        self.written += 1
        self._take(data)

    def abort(self) -> None:
        self.aborted = True
        self.flow.set()

    def _take(self, data: bytes) -> None:
        self.frames += self.parser.feed(data)
        self.changed.set()

    @property
    def seqs(self) -> list[int]:
        """The seqs of the messages received."""
        return [int((frame.id or "").partition("-")[2]) for frame in self.frames if frame.event == "message"]

    async def until(self, law: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not law():
                self.changed.clear()
                await self.changed.wait()

    async def at(self, seq: int) -> None:
        await self.until(lambda: bool(self.frames) and self.frames[-1].last_id == str(Clock(EPOCH, seq)))


class Running(NamedTuple):
    source: Source
    hub: Hub

    def connect(self, sink: Sink, asked: StreamClass = MESSAGES, since: str | None = None) -> asyncio.Task[None]:
        return asyncio.create_task(self.hub.serve(sink, asked, since))


@asynccontextmanager
async def running(
    source: Source, *, heartbeat_s: float = 60.0, stats_interval_s: float = 60.0
) -> AsyncIterator[Running]:
    hub = Hub(
        source,
        lambda _view, _mode, _root: Body("compressed", '"QTN1:"'),
        heartbeat_s=heartbeat_s,
        stats_interval_s=stats_interval_s,
        retry_ms=(1000, 3000),
        now_ns=lambda: 0,
    )
    hub.start()
    try:
        yield Running(source, hub)
    finally:
        await hub.close()


async def ended(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionError):
            await task


async def test_an_opening_and_then_every_batch() -> None:
    async with running(Source()) as here:
        sink = Sink()
        here.connect(sink)
        await sink.at(0)
        assert sink.parser.retry_ms is not None
        assert 1000 <= sink.parser.retry_ms <= 3000
        here.source.commit(3)
        await sink.at(3)
        assert sink.seqs == [0, 1, 2, 3]


async def test_a_client_at_the_head_is_written_to_without_waking_its_task() -> None:
    async with running(Source()) as here:
        sink = Sink()
        here.connect(sink)
        await sink.at(0)
        here.source.commit()
        await sink.at(1)
        written = sink.written
        for seq in range(2, 10):
            here.source.commit()
            await sink.at(seq)
        assert sink.written == written
        assert sink.sent >= 8


async def test_a_known_clock_gets_what_it_missed_and_nothing_else() -> None:
    async with running(Source()) as here:
        here.source.commit(5)
        sink = Sink()
        here.connect(sink, ALL, str(Clock(EPOCH, 2)))
        await sink.at(5)
        assert sink.seqs == [3, 4, 5]
        assert {frame.event for frame in sink.frames} == {"change", "quantum", "message"}
        assert here.source.views == 0


@pytest.mark.parametrize("since", [str(Clock(EPOCH, 9)), str(Clock(EPOCH + 1, 2)), "nonsense", "-1"])
async def test_an_unknown_clock_is_rebased(since: str) -> None:
    async with running(Source()) as here:
        here.source.commit(5)
        sink = Sink()
        here.connect(sink, MESSAGES, since)
        await sink.at(5)
        assert sink.seqs == [5]


async def test_a_clock_that_fell_out_of_retention_is_rebased() -> None:
    async with running(Source(retention_bytes=1)) as here:
        here.source.commit(5)
        sink = Sink()
        here.connect(sink, MESSAGES, str(Clock(EPOCH, 1)))
        await sink.at(5)
        assert sink.seqs == [5]


async def test_a_stalled_client_costs_nothing_and_then_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LANE_BYTES", 1000)  # so that it must go on from the log
    async with running(Source()) as here:
        fast, slow = Sink(), Sink()
        here.connect(fast, ALL)
        here.connect(slow, ALL)
        await fast.at(0)
        await slow.at(0)
        slow.flow.clear()
        for seq in range(1, 301):
            here.source.commit()
            if seq % 50 == 0:
                await fast.at(seq)
        assert slow.seqs == [0]
        slow.flow.set()
        await slow.at(300)
        assert slow.seqs == fast.seqs == list(range(301))
        assert slow.frames == fast.frames


async def test_all_lanes_together_keep_no_more_than_there_is_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LANES_BYTES", 8000)
    monkeypatch.setattr(lanes_module, "LANE_MIN_BYTES", 500)
    async with running(Source()) as here:
        sinks = [Sink() for _ in range(4)]
        for sink, names in zip(sinks, [{"change"}, {"quantum"}, {"message"}, {"change", "message"}], strict=True):
            here.connect(sink, StreamClass("quantum", frozenset(names)))
        for sink in sinks:
            await sink.at(0)
        here.source.commit(200)
        for sink in sinks:
            await sink.at(200)
        lanes = here.hub._lanes.values()
        assert len(lanes) == 4
        assert all(lane.segments.nbytes <= 2000 < lane.segments.total for lane in lanes)


async def test_a_batch_larger_than_a_slice_arrives_whole() -> None:
    async with running(Source()) as here:
        sink = Sink()
        here.connect(sink, ALL)
        await sink.at(0)
        here.source.commit(size=1_000_000)
        here.source.commit()
        await sink.at(2)
        assert sink.seqs == [0, 1, 2]


async def test_a_burst_is_rendered_in_a_thread_and_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "INLINE_CHANGES", 0)
    async with running(Source()) as here:
        first = Sink()
        here.connect(first, ALL)
        await first.at(0)
        here.source.commit(100)
        late = Sink()
        here.connect(late, ALL, str(Clock(EPOCH, 0)))
        here.source.commit(100)
        await first.at(200)
        await late.at(200)
        assert first.seqs == list(range(201))
        assert late.seqs == list(range(1, 201))


async def test_a_client_the_log_outran_is_closed_between_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LANE_BYTES", 1000)
    async with running(Source(retention_bytes=5000)) as here:
        witness, slow = Sink(), Sink()
        here.connect(witness)
        await witness.at(0)
        task = here.connect(slow)
        await slow.at(0)
        slow.flow.clear()
        for seq in range(1, 101):
            here.source.commit()
            await witness.at(seq)
        slow.flow.set()
        await ended(task)
        assert slow.seqs[-1] < 100
        assert slow.seqs == list(range(len(slow.seqs)))
        assert slow.parser.last_id == str(Clock(EPOCH, slow.seqs[-1]))


async def test_heartbeats_keep_a_quiet_stream_open_and_fire_nothing() -> None:
    async with running(Source(), heartbeat_s=0.02) as here:
        sink = Sink()
        here.connect(sink)
        await sink.until(lambda: sum(frame.data is None for frame in sink.frames) >= 3)
        assert {frame.id for frame in sink.frames} == {str(Clock(EPOCH, 0))}
        here.source.commit()
        await sink.at(1)


async def test_periodic_stats_stand_between_batches() -> None:
    async with running(Source(), stats_interval_s=0.02) as here:
        sink = Sink()
        here.connect(sink, StreamClass("quantum", frozenset({"stats"})))
        await sink.at(0)
        here.source.commit()
        await sink.at(1)
        assert all(frame.data is None for frame in sink.frames)  # there is no root to tell of


async def test_before_the_first_scan_is_done_comments_keep_the_stream_open() -> None:
    source = Source(state="scanning")
    async with running(source) as here:
        sink = Sink()
        here.connect(sink)
        await sink.until(lambda: sink.parser.comments >= 2)
        assert sink.frames == []
        source.state = "ready"
        source.listener()
        await sink.at(0)


async def test_at_the_end_clients_get_a_retry_and_a_close() -> None:
    async with running(Source()) as here:
        sinks = [Sink() for _ in range(3)]
        tasks = [here.connect(sink) for sink in sinks]
        for sink in sinks:
            await sink.at(0)
            sink.parser.retry_ms = None
        sinks[1].flow.clear()
        await here.hub.close()
        for task in tasks:
            await ended(task)
        assert [sink.parser.retry_ms is not None for sink in sinks] == [True, False, True]
        assert [sink.aborted for sink in sinks] == [False, True, False]
        assert here.hub.client_count == 0


async def test_reached_waits_until_all_lanes_have_it() -> None:
    async with running(Source()) as here:
        sink = Sink()
        here.connect(sink)
        await sink.at(0)
        here.source.commit(3)
        async with asyncio.timeout(DEADLINE_S):
            await here.hub.reached(3)
        assert sink.seqs == [0, 1, 2, 3]


async def test_many_clients_that_come_at_once_share_one_opening() -> None:
    async with running(Source()) as here:
        sinks = [Sink() for _ in range(100)]
        for sink in sinks:
            here.connect(sink, ALL)
        for sink in sinks:
            await sink.at(0)
        assert here.source.views == 1


async def test_a_client_that_leaves_is_forgotten() -> None:
    async with running(Source()) as here:
        task = here.connect(Sink())
        sink = Sink()
        here.connect(sink)
        await sink.at(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert here.hub.client_count == 1
        here.source.commit()
        await sink.at(1)
