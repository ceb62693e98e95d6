"""A lane is the live bytes that some classes of streams share, and the clients that stand in it. Pure.

`flush` is the fan-out: one write for each client, of bytes that all share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from smarttree.stream.classes import LaneKey
from smarttree.stream.replay import IN_THE_LOG
from smarttree.stream.segments import Run, Segments

SLICE_BYTES: Final = 64 * 1024  # one write to one client: keeps 10,000 of them fair, and a socket's buffer takes it
LANE_BYTES: Final = 16 << 20  # segments of a lane; who lags further reads from the log


class Sink(Protocol):
    """A client's connection."""

    def free(self) -> bool:
        """Whether everything written so far is with the kernel, so that `send` costs no memory."""

    def send(self, data: bytes) -> None:
        """Writes now; only where `free`."""

    async def write(self, data: bytes) -> None:
        """Writes at the client's pace. Raises ConnectionError when the client is gone."""

    def abort(self) -> None:
        """Ends the connection at once."""


class Client:
    """A cursor: everything up to `seq` has been written to `sink`, and `index` is the segment to come.

    While `idle` it is the flush's to serve. Otherwise it is lagging, and belongs to its own coroutine; `wake` tells
    that coroutine so.
    """

    __slots__ = ("idle", "index", "seq", "sink", "wake")

    def __init__(self, sink: Sink, seq: int, wake: Callable[[], None]) -> None:
        self.sink = sink
        self.seq = seq
        self.index = IN_THE_LOG
        self.idle = False
        self.wake = wake


class Lane:
    """Lives as long as it has clients. `lost` when the log dropped a batch before it was sent here."""

    def __init__(self, key: LaneKey, seq: int, now: float) -> None:
        self.key = key
        self.segments = Segments(seq, LANE_BYTES)
        self.clients: dict[Client, None] = {}
        self.touched = now  # when something was last appended; the heartbeat's measure
        self.lost = False

    def append(self, seq: int, data: bytes, now: float) -> None:
        self.segments.append(seq, data)
        self.touched = now

    def index(self, seq: int) -> int:
        """Where a client with everything up to `seq` goes on."""
        index = self.segments.locate(seq)
        return IN_THE_LOG if index is None else index

    def flush(self) -> None:
        """Gives every idle client what it lacks, or hands it to its own coroutine. About 4 µs a client."""
        runs: dict[int, Run | None] = {}
        for client in self.clients:
            if not client.idle:
                continue
            if client.index not in runs:
                runs[client.index] = self.segments.read(client.index, SLICE_BYTES)
            run = runs[client.index]
            whole = run is not None and run.next_index == self.segments.end and len(run.data) <= SLICE_BYTES
            if run is not None and whole and client.sink.free():
                client.sink.send(run.data)
                client.index, client.seq = run.next_index, run.seq
            else:
                client.idle = False
                client.wake()

    def lose(self) -> None:
        """The clients are to be closed: they come back by their ids."""
        self.lost = True
        self.wake_all()

    def wake_all(self) -> None:
        for client in self.clients:
            client.idle = False
            client.wake()
