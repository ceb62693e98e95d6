"""A reactor without a thread, turned by hand, over real sockets with small buffers."""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from smarttree._reactor import Client, Lane, Reactor

if TYPE_CHECKING:
    from smarttree._reactor import Report

GOODBYE = b"retry: 1500\n\n"
DEADLINE_S = 5.0


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def pair(*, tcp: bool = False, small: bool = True) -> tuple[int, socket.socket]:
    """A descriptor for the reactor, and the client's end. TCP where resets are to be had."""
    if tcp:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
    else:
        ours, theirs = socket.socketpair()
    if small and not tcp:  # TCP's window of that size opens by a timer
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for each in (ours, theirs):
        each.setblocking(False)
    return ours.detach(), theirs


def read(client: socket.socket, limit: int = 1 << 20) -> bytes:
    """What is there now."""
    taken = b""
    with suppress(BlockingIOError, ConnectionResetError):
        while len(taken) < limit and (more := client.recv(min(65536, limit - len(taken)))):
            taken += more
    return taken


class Stand:
    """A reactor without a thread, one lane of it, and what the log would know: all segments ever."""

    def __init__(self) -> None:
        self.reactor = Reactor([GOODBYE])
        self.lane: Lane = self.reactor.open_lane(0)
        self.segments: list[bytes] = []
        self.start = 0
        self.closed: dict[Client, str] = {}
        self.fed: dict[Client, int] = {}

    def append(self, data: bytes) -> None:
        self.segments.append(data)
        self.reactor.append(self.lane, len(self.segments) - 1, len(self.segments), data, self.start)

    def join(self, fd: int, index: int) -> Client:
        client = self.reactor.join(fd, self.lane, index)
        self.place(client, index)
        return client

    def place(self, client: Client, index: int) -> None:
        """What the hub does: from the log, one segment at a time, until the lane knows the place."""
        if index >= self.start:
            self.reactor.seat(client, index, index)
        else:
            self.reactor.feed(client, self.segments[index])
            self.fed[client] = index + 1

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reactor.turn()
            for report in self.reactor.reports():
                self.take(report)

    def take(self, report: Report) -> None:
        if report[0] == "lagging":
            self.place(report[1], report[2])
        elif report[0] == "fed":
            self.place(report[1], self.fed[report[1]])
        elif report[0] == "closed":
            self.closed[report[1]] = report[2]

    def drain(self, client: socket.socket, wanted: int) -> bytes:
        """Turns and reads until `wanted` bytes came, or nothing more does."""
        got = b""
        while len(got) < wanted:
            self.turn(4)  # to be told of a lag, and what was lacking; to be told that it is sent, and what follows
            if not (more := read(client)) and not select.select([client], [], [], DEADLINE_S)[0]:
                break
            got += more
        return got


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
