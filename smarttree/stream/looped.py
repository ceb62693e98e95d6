"""The carrier that needs nothing of the system: clients are served by this loop, through their transports.

A client that has everything before a flush, and whose socket took that, is *idle*: it gets the new bytes at once, in
one write that all share. Any other is *lagging*: its own coroutine reads on at its pace, from the segments, or from
the log where those are gone; when it reaches the end, it is idle again. Both ways move whole segments.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from smarttree.codec.coding import piece
from smarttree.stream.figures import WORST_MAX, Figures, Lag
from smarttree.stream.lanes import SLICE_BYTES, Guest, Lane, Sink
from smarttree.stream.past import Past
from smarttree.stream.replay import IN_THE_LOG
from smarttree.stream.segments import Run


class Client:
    """A cursor: everything up to `seq` has been written to `sink`, and `index` is the segment to come.

    While `idle` it is the flush's to serve. Otherwise it belongs to its own coroutine; `wake` tells that one so.
    """

    __slots__ = ("caught_up", "idle", "index", "position", "seq", "sink", "woken")

    def __init__(self, sink: Sink, lane: Lane, seq: int, now: float) -> None:
        self.sink = sink
        self.seq = seq
        self.index = lane.index(seq)
        self.position = lane.segments.total
        self.caught_up = now  # when it last had everything; while idle, it still has
        self.idle = False
        self.woken = asyncio.Event()

    def moved(self, run: Run) -> None:
        self.index, self.seq = run.next_index, run.seq
        self.position += len(run.data)

    def wake(self) -> None:
        self.idle = False
        self.woken.set()


class Looped:
    """See the module. `retry` makes a client's last words."""

    def __init__(self, past: Past, retry: Callable[[], bytes]) -> None:
        self._past = past
        self._retry = retry
        self._loop = asyncio.get_running_loop()
        self._clients: dict[Lane, dict[Client, None]] = {}
        self._closing = False
        self._sends = self._sent_bytes = 0
        self._closed: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    async def carry(self, sink: Sink, lane: Lane, seq: int) -> None:
        client = Client(sink, lane, seq, self._loop.time())
        self._clients.setdefault(lane, {})[client] = None
        lane.enter()
        why = "left"
        try:
            while not self._closing and not lane.lost and await self._send_next(lane, client):
                pass
            why = "dismissed"
            await sink.write(piece(lane.key.coding, self._retry()))
        finally:
            self._closed[why] += 1
            del self._clients[lane][client]
            if not self._clients[lane]:
                del self._clients[lane]
            lane.leave()

    async def _send_next(self, lane: Lane, client: Client) -> bool:
        """Sends the next run at the client's pace, or waits for one. False when the log lost the client's place."""
        run = lane.segments.read(client.index, SLICE_BYTES)
        if run is None:
            run = await self._past.after(lane, client.seq)
            if run is None:
                return False
            run = run._replace(next_index=lane.index(run.seq))
        if run.data:
            client.moved(run)
            self._count(run)
            await client.sink.write(run.data)
        else:
            client.idle, client.caught_up, client.position = True, self._loop.time(), lane.segments.total
            await client.woken.wait()
            client.woken.clear()
        return True

    def _count(self, run: Run) -> None:
        self._sends += 1
        self._sent_bytes += len(run.data)

    def flush(self, lane: Lane) -> None:
        """Gives every idle client what it lacks, or hands it to its own coroutine. About 4 µs a client."""
        runs: dict[int, Run | None] = {}
        segments, now = lane.segments, self._loop.time()
        for client in self._clients.get(lane, ()):
            if not client.idle:
                continue
            client.caught_up = now
            if client.index not in runs:
                runs[client.index] = segments.read(client.index, SLICE_BYTES)
            run = runs[client.index]
            whole = run is not None and run.next_index == segments.end and len(run.data) <= SLICE_BYTES
            if run is not None and whole and client.sink.free():
                client.sink.send(run.data)
                client.moved(run)
                self._count(run)
            else:
                client.wake()

    def lose(self, lane: Lane) -> None:
        for client in self._clients.get(lane, ()):
            client.wake()

    def end(self, is_over: Callable[[Guest], bool]) -> None:
        for clients in self._clients.values():
            for client in clients:
                if is_over(client.sink.guest):
                    client.sink.abort()

    async def figures(self) -> Figures:
        """A client's bytes count as sent once the transport has them. Where one reads from the log, its lag is a guess
        from below: what the segments have dropped is not counted.
        """
        now, lags, lagging = self._loop.time(), [], 0
        for lane, clients in self._clients.items():
            for client in clients:
                nbytes = lane.segments.total - client.position
                if nbytes > 0 or client.index == IN_THE_LOG or not client.sink.free():
                    lagging += 1
                    lags.append(Lag(client.sink.peer, client.seq, max(nbytes, 0), now - client.caught_up))
        lags.sort(key=lambda lag: -lag.nbytes)
        return Figures(
            len(self),
            lagging,
            max((lag.nbytes for lag in lags), default=0),
            max((lag.seconds for lag in lags), default=0.0),
            self._sends,
            self._sent_bytes,
            self._closed.copy(),
            lags[:WORST_MAX],
        )

    async def close(self) -> None:
        """The coroutines of `carry` say goodbye; who waits for those, and how long, is the hub's to say."""
        self._closing = True
        for clients in self._clients.values():
            for client in clients:
                client.wake()
