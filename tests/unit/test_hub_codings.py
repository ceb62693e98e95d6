"""Lanes that differ in their coding alone: one rendering for all of them, the same events, from memory and the log."""

from __future__ import annotations

import asyncio

import pytest

from smarttree.clock import Clock
from smarttree.codec.coding import CODINGS, GZIP, IDENTITY, ZSTD
from smarttree.stream import lanes as lanes_module
from smarttree.stream.batch import Batch
from smarttree.stream.classes import LaneKey, StreamClass
from smarttree.stream.events import render
from tests.clients.coding import decoder
from tests.unit.test_hub import ALL, EPOCH, Sink, Source, running


class Coded(Sink):
    def __init__(self, coding: str) -> None:
        super().__init__()
        self.coding = coding
        self._decode = decoder("" if coding == IDENTITY else coding)

    @property
    def asked(self) -> StreamClass:
        return StreamClass(ALL.mode, ALL.events, ALL.body, coding=self.coding)

    def _take(self, data: bytes) -> None:
        super()._take(self._decode(data))


async def test_a_batch_is_rendered_once_whatever_it_is_compressed_as(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[int] = []

    def counted(batch: Batch, epoch: int, lane: LaneKey) -> bytes:
        rendered.append(batch.to_seq)
        return render(batch, epoch, lane)

    monkeypatch.setattr("smarttree.stream.replay.render", counted)
    async with running(Source()) as here:
        sinks = [Coded(coding) for coding in (GZIP, ZSTD, GZIP, IDENTITY)]
        for sink in sinks:
            here.connect(sink, sink.asked)
        for seq in range(20):
            for sink in sinks:
                await sink.at(seq)
            here.source.commit()
        assert rendered == list(range(1, 20))
        assert {tuple(sink.frames) for sink in sinks} == {tuple(sinks[0].frames)}
        assert here.source.views == 1


@pytest.mark.parametrize("coding", CODINGS)
async def test_who_lags_behind_the_segments_is_sent_the_log_in_its_coding(
    monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    monkeypatch.setattr(lanes_module, "LANE_BYTES", 1000)
    async with running(Source()) as here:
        fast, slow = Coded(coding), Coded(coding)
        here.connect(fast, fast.asked)
        here.connect(slow, slow.asked)
        await fast.at(0)
        await slow.at(0)
        slow.flow.clear()
        for seq in range(1, 201):
            here.source.commit()
            if seq % 50 == 0:
                await fast.at(seq)
        slow.flow.set()
        await slow.at(200)
        assert slow.frames == fast.frames


async def test_one_that_comes_while_others_are_brought_on_misses_nothing() -> None:
    async with running(Source()) as here:
        first = Coded(IDENTITY)
        here.connect(first, first.asked)
        await first.at(0)
        late = []
        for number in range(30):
            here.source.commit(7)
            late.append(Coded(CODINGS[number % 3]))
            here.connect(late[-1], late[-1].asked, str(Clock(EPOCH, 0)) if number % 2 else None)
            await asyncio.sleep(0)
        for sink in (first, *late):
            await sink.at(210)
        for number, sink in enumerate(late):
            assert sink.seqs == list(range(sink.seqs[0], 211))
            assert number % 2 == 0 or sink.seqs[0] == 1
