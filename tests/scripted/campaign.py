"""`python -m tests.scripted.campaign FIRST COUNT`: a reactor over sockets that do what each seed's script says.

Laws, whatever the sockets do: a client is sent a prefix of the lane's bytes from its start, and all of them if nothing
in its script ends it; wherever it is said to stand, it has whole segments and nothing more; it is closed for a reason
that its script gives; and no descriptor and no segment is kept once it is gone.
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import sys
from random import Random
from typing import TYPE_CHECKING

from smarttree._reactor import Client
from tests.scripted.loaded import Event, Scripts, Step
from tests.stand import GOODBYE, Stand, descriptors, read

if TYPE_CHECKING:
    from smarttree._reactor import Report

CLIENTS_MAX = 8
DESCRIPTOR_MIN = 500
STEPS = 80
SETTLING_TURNS = 400  # more than any script has waits, sends and laggards' segments left
TALK_MAX = 64 * 1024
ENDS = {  # by what error of a send or a read
    errno.ECONNRESET: "left",
    errno.EPIPE: "left",
    errno.ETIMEDOUT: "timed-out",
    errno.EHOSTUNREACH: "failed",
    errno.ENOBUFS: "failed",
}
SPURIOUS = (select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLOUT, select.EPOLLHUP, select.EPOLLRDHUP)


class Peer:
    """One client: its script, its end of the socket, and what it has got."""

    def __init__(self, dice: Random, number: int, index: int) -> None:
        ours, self.theirs = socket.socketpair()
        if dice.random() < 0.5:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for each in (ours, self.theirs):
            each.setblocking(False)
        # A number that no earlier client had: what a wait tells of that one must not reach this one.
        self.descriptor = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, DESCRIPTOR_MIN + number)
        ours.close()
        self.index = index
        self.got = b""
        self.may_end: set[str] = set()
        self.dismissed = self.cut = False
        fatal = dice.random() < 0.4
        self.sends = [self._send(dice, fatal) for _ in range(dice.randrange(40))]
        self.receives = [self._receive(dice, fatal) for _ in range(dice.randrange(40))]
        if fatal and dice.random() < 0.2:
            self.receives = [Step(0, 4096)] * (2 * TALK_MAX // 4096)
            self.may_end.add("talked")
        self.refused = errno.ENOSPC if fatal and dice.random() < 0.1 else 0
        self.may_end |= {"failed"} if self.refused else set()

    def _end(self, dice: Random) -> int:
        error = dice.choice(list(ENDS))
        self.may_end.add(ENDS[error])
        return error

    def _send(self, dice: Random, fatal: bool) -> Step:
        match dice.randrange(20):
            case 0 if fatal:
                return Step(self._end(dice), 0)
            case 1 | 2 | 3:
                return Step(errno.EINTR, 0)
            case 4 | 5 | 6 | 7:
                return Step(errno.EAGAIN, dice.randrange(4))
        return Step(0, dice.choice((1, 2, 7, 100, 5_000, 70_000)))

    def _receive(self, dice: Random, fatal: bool) -> Step:
        match dice.randrange(8):
            case 0 if fatal:
                return Step(self._end(dice), 0)
            case 1 if fatal:
                self.may_end.add("left")
                return Step(0, 0)
            case 2 | 3:
                return Step(errno.EINTR, 0)
            case 4:
                return Step(errno.EAGAIN, 0)
        if fatal:
            self.may_end.add("talked")
        return Step(0, dice.randrange(1, 4097 if fatal else TALK_MAX // 40))

    def take(self, limit: int = 1 << 30) -> None:
        if not self.cut:
            self.got += read(self.theirs, limit)


class Campaign(Stand):
    """One seed's."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dice = Random(f"sockets {seed}")
        self.scripts = Scripts()
        self.peers: dict[Client, Peer] = {}
        self.stood = 0

    def take(self, report: Report) -> None:
        if report[0] == "lagging":
            self.check_stand(self.peers[report[1]], report[2])
        elif report[0] == "fed":
            self.check_stand(self.peers[report[1]], self.fed[report[1]])
        super().take(report)

    def check_stand(self, peer: Peer, seq: int) -> None:
        peer.take()
        if not peer.cut:
            assert peer.got == b"".join(self.segments[peer.index : seq])
            self.stood += 1

    def act(self) -> None:
        dice, peers = self.dice, list(self.peers.items())
        match dice.randrange(12):
            case 0 | 1 | 2:
                number = len(self.segments)
                self.append(bytes([number % 251]) * dice.choice((1, 7, 200, 5_000, 70_000)))
            case 3 | 4 if len(peers) < CLIENTS_MAX:
                peer = Peer(dice, len(peers), dice.randrange(len(self.segments) + 1))
                self.scripts.script(peer.descriptor, peer.sends, peer.receives, peer.refused)
                self.peers[self.join(peer.descriptor, peer.index)] = peer
            case 5 if self.segments:
                self.start = max(self.start, dice.randrange(len(self.segments)))
            case 6 if peers and dice.random() < 0.2:
                client, peer = dice.choice(peers)
                self.reactor.dismiss(client)
                peer.dismissed |= client not in self.closed
            case 7 if peers and dice.random() < 0.2:
                peer = dice.choice(peers)[1]
                peer.take()
                peer.theirs.close()
                peer.cut = True
                peer.may_end |= {"left"}
            case 8 if peers:
                dice.choice(peers)[1].take(dice.choice((1, 100, 4096, 100_000)))
            case 9:
                self.reactor.survey()
                self.turn()
            case _:
                self.turn()

    def wait(self) -> Event:
        """What one of the next waits is to tell. An error of a socket, of one whose script has errors anyway."""
        peers = list(self.peers.values())
        if not peers or self.dice.random() < 0.4:
            return Event(-1, 0, self.dice.choice((0, errno.EINTR)))
        peer = self.dice.choice(peers)
        if peer.refused or (peer.may_end and self.dice.random() < 0.1):
            error = self.dice.choice(list(ENDS))
            peer.may_end.add(ENDS[error])
            return Event(peer.descriptor, select.EPOLLERR, error)
        return Event(peer.descriptor, self.dice.choice(SPURIOUS), 0)

    def run(self) -> None:
        for number in range(STEPS):
            if number % 10 == 9:
                self.scripts.waits([self.wait() for _ in range(10)])
            self.act()
        self.scripts.waits([])
        for _ in range(SETTLING_TURNS):
            self.turn()
            for peer in self.peers.values():
                peer.take()

    def check(self) -> None:
        for client, peer in self.peers.items():
            wanted, why = b"".join(self.segments[peer.index :]), self.closed.get(client)
            if why is None:
                assert not peer.dismissed
                assert peer.got == wanted, f"{len(peer.got)} bytes of {len(wanted)}"
            elif why == "dismissed":
                assert peer.dismissed
                if not peer.cut:
                    self.check_ended(peer)
            else:
                assert why in peer.may_end, f"{why}, not one of {peer.may_end}"
                assert (wanted + GOODBYE).startswith(peer.got) or self.is_parting(peer)

    def check_ended(self, peer: Peer) -> None:
        assert peer.got.endswith(GOODBYE)
        ends = [b"".join(self.segments[peer.index : end]) for end in range(peer.index, len(self.segments) + 1)]
        assert peer.got.removesuffix(GOODBYE) in ends

    def is_parting(self, peer: Peer) -> bool:
        """It was dismissed, and ended in the middle of its last words, after whole segments."""
        ends = (b"".join(self.segments[peer.index : end]) for end in range(peer.index, len(self.segments) + 1))
        return peer.dismissed and any((end + GOODBYE).startswith(peer.got) for end in ends)

    def end(self) -> None:
        self.reactor.stop()
        self.turn(2)
        assert self.reactor.clients == 0
        self.reactor.close()
        for peer in self.peers.values():
            peer.theirs.close()


def references(segments: list[bytes]) -> list[int]:
    return [sys.getrefcount(segment) for segment in segments]


def campaign(seed: int) -> tuple[int, list[str]]:
    """How many places were checked, and why clients ended. AssertionError for a law that was broken."""
    before = descriptors()
    this = Campaign(seed)
    this.run()
    this.check()
    this.end()
    del this.reactor, this.lane
    assert descriptors() == before
    # One by one, they are compared with bytes that only the list holds; interned ones of one byte apart.
    alone = references([bytes(2000) for _ in this.segments])
    held = references([segment for segment in this.segments if len(segment) > 1])
    assert all(count <= alone[0] + 1 for count in held), held
    return this.stood, list(this.closed.values())


def main(first: int, count: int) -> None:
    stood, closed = 0, set[str]()
    for seed in range(first, first + count):
        try:
            found = campaign(seed)
        except BaseException:
            print(f"seed {seed}:", file=sys.stderr)
            raise
        stood, closed = stood + found[0], closed | set(found[1])
    print(f"{count} seeds, {stood} places, ended: {', '.join(sorted(closed))}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
