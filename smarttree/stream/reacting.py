"""The carrier that costs the loop nothing: clients are detached from it, and served by the reactor's thread.

The loop publishes what a lane gained and wakes the thread once. It hears of a client again only when that has lost its
place among the segments, which it may only once it takes bytes again: then a task reads on for it from the log, at its
pace, and seats it at the first segment that follows. So one that is stalled costs its cursor and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from struct import unpack_from
from typing import TYPE_CHECKING, Final

from smarttree._reactor import Client, Reactor
from smarttree._reactor import Lane as Track
from smarttree.codec.coding import CODINGS, piece
from smarttree.stream.figures import Figures, Lag
from smarttree.stream.lanes import GOODBYE_S, Guest, Lane, Sink
from smarttree.stream.past import Past
from smarttree.stream.replay import IN_THE_LOG

if TYPE_CHECKING:
    from smarttree._reactor import Figures as Numbers

GOODBYES: Final = 256  # different last words: clients that are ended together come back at as many moments


def peer_name(address: bytes) -> str:
    """From the kernel's form of an address (struct sockaddr_in, sockaddr_in6); empty for any other family."""
    family, port = unpack_from("=H", address)[0], unpack_from("!H", address, 2)[0]
    if family == socket.AF_INET:
        return f"{ip_address(address[4:8])}:{port}"
    if family == socket.AF_INET6:
        return f"[{ip_address(address[8:24])}]:{port}"
    return ""


class Reacting:
    """See the module. To be made on the loop; `retry` makes a client's last words."""

    def __init__(self, past: Past, retry: Callable[[], bytes]) -> None:
        self._past = past
        self._loop = asyncio.get_running_loop()
        goodbyes = [retry() for _ in range(GOODBYES)]
        self._reactor = Reactor([piece(coding, words) for coding in CODINGS for words in goodbyes], len(CODINGS))
        self._clients: dict[Client, Lane] = {}
        self._guests: dict[Client, Guest] = {}
        self._tracks: dict[Lane, Track] = {}
        self._counts: Counter[Lane] = Counter()
        self._reading: dict[Client, asyncio.Task[None]] = {}  # tasks of clients that read from the log
        self._fed: dict[Client, asyncio.Future[None]] = {}
        self._surveyed: asyncio.Future[Numbers] | None = None
        self._empty = asyncio.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._reactor.run, name="reactor", daemon=True)
        self._thread.start()
        self._loop.add_reader(self._reactor.fd, self._take_reports)

    def __len__(self) -> int:
        return len(self._clients)

    async def carry(self, sink: Sink, lane: Lane, seq: int) -> None:
        """Returns once the client is the reactor's."""
        if self._closing or lane.lost:
            return
        client = self._reactor.join(sink.detach(), self._track(lane), seq)
        self._clients[client] = lane
        self._guests[client] = sink.guest
        sink.guest.enter()
        self._counts[lane] += 1
        lane.enter()
        self._go_on(client, seq)

    def _track(self, lane: Lane) -> Track:
        track = self._tracks.get(lane)
        if track is None:
            track = self._tracks[lane] = self._reactor.open_lane(lane.segments.start, CODINGS.index(lane.key.coding))
            self.flush(lane)
        return track

    def flush(self, lane: Lane) -> None:
        track = self._tracks.get(lane)
        if track is None:
            return
        start = lane.segments.start
        for index, segment in lane.segments.since(max(track.end, start)):
            self._reactor.append(track, index, segment.seq, segment.data, start)
        self._reactor.wake()

    def lose(self, lane: Lane) -> None:
        for client, its_lane in self._clients.items():
            if its_lane is lane:
                self._reactor.dismiss(client)
        self._reactor.wake()

    def end(self, is_over: Callable[[Guest], bool]) -> None:
        """Of these guests; the others stay."""
        for client, guest in self._guests.items():
            if is_over(guest):
                self._reactor.dismiss(client)
        self._reactor.wake()

    # -- those who lag further than the segments -------------------------------------------------------------------

    def _go_on(self, client: Client, seq: int) -> None:
        """From the lane where that knows the place, which is nearly always; else from the log."""
        index = self._clients[client].index(seq)
        if index != IN_THE_LOG:
            self._reactor.seat(client, index, seq)
            self._reactor.wake()
        else:
            self._reading[client] = asyncio.create_task(self._read_on(client, seq))

    async def _read_on(self, client: Client, seq: int) -> None:
        lane = self._clients[client]
        try:
            while lane.index(seq) == IN_THE_LOG and not lane.lost:
                run = await self._past.after(lane, seq)
                if run is None:
                    break
                fed = self._fed[client] = self._loop.create_future()
                self._reactor.feed(client, run.data)
                self._reactor.wake()
                await fed
                seq = run.seq
        finally:
            del self._reading[client]
        if lane.index(seq) == IN_THE_LOG or lane.lost:
            self._reactor.dismiss(client)
            self._reactor.wake()
        else:
            self._go_on(client, seq)

    # -- what the thread tells -------------------------------------------------------------------------------------

    def _take_reports(self) -> None:
        for report in self._reactor.reports():
            if report[0] == "lagging":
                self._go_on(report[1], report[2])
            elif report[0] == "fed":
                self._fed.pop(report[1]).set_result(None)
            elif report[0] == "closed":
                self._closed(report[1])
            elif self._surveyed is not None:
                self._surveyed.set_result(report[2])
                self._surveyed = None

    def _closed(self, client: Client) -> None:
        self._fed.pop(client, None)
        if (reading := self._reading.get(client)) is not None:
            reading.cancel()
        self._guests.pop(client).leave()
        lane = self._clients.pop(client)
        lane.leave()
        self._counts[lane] -= 1
        if not self._counts[lane]:
            del self._counts[lane]
            self._reactor.close_lane(self._tracks.pop(lane))
        if not self._clients:
            self._empty.set()

    async def figures(self) -> Figures:
        if self._closing:
            return Figures()
        if self._surveyed is None:
            self._surveyed = self._loop.create_future()
            self._reactor.survey()
        numbers = await asyncio.shield(self._surveyed)
        return Figures(
            numbers["clients"],
            numbers["lagging"],
            numbers["lag_bytes"],
            numbers["lag_ns"] / 1e9,
            numbers["sends"],
            numbers["sent_bytes"],
            numbers["closed"],
            [Lag(peer_name(address), seq, nbytes, ns / 1e9) for address, seq, nbytes, ns in numbers["worst"]],
        )

    # -- the end ---------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Last words for all, GOODBYE_S to take them, and then the end of whatever is still open."""
        self._closing = True
        self._reactor.dismiss_all()
        if self._clients:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._empty.wait()
        self._loop.remove_reader(self._reactor.fd)
        self._reactor.stop()
        await asyncio.to_thread(self._thread.join)
        self._take_reports()
        reading = list(self._reading.values())
        await asyncio.gather(*reading, return_exceptions=True)
        if self._surveyed is not None:
            self._surveyed.cancel()
        self._reactor.close()
