"""Clients that follow a storm, and the law they are there for: when all stands still, what each holds is the disk.

Law: nothing of the server is imported; clients know what the stream and the published formats say.
"""

from __future__ import annotations

import random
import socket
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

from tests.clients.plain import Follower, ProtocolBreach, Stream, Turn, get_json
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration.consumers import ByDeltas, ByWords, shape_of, without_times_of_directories

BARE = "?events=tree,quantum"
OPENING_S = 60.0


class LawBroken(AssertionError):
    """A mirror is not the disk, or the stream can't be followed."""


class CutStream(Stream):
    """A connection that ends after so many bytes, wherever that is; None: never."""

    budget: int | None = None
    taken = 0

    def _receive(self, deadline: float) -> bytes:
        if self.budget is None:
            return super()._receive(deadline)
        if self.taken >= self.budget:
            return b""
        data = super()._receive(deadline)[: self.budget - self.taken]
        self.taken += len(data)
        return data

    @property
    def is_inside_a_frame(self) -> bool:
        """Whether what was received ends within a frame: `Parser` holds a line or fields that are not dispatched."""
        parser = self.parser
        return bool(parser._bytes) or bool(parser._data) or parser._id is not None

    def is_cut(self) -> bool:
        return self.budget is not None and self.taken >= self.budget


class ResumingFollower(Follower):
    """A client that comes back when its stream ends, as an EventSource does.

    It reads only when it is asked to `reach` a clock. `closed` counts the ends that were the server's doing, `rebases`
    the times it was told everything anew, `compacted` those it was told several clocks as one.
    """

    closed = rebases = compacted = 0

    def reach(self, clock: str) -> None:
        """Follows until this clock or a later one is committed."""
        while position(self.last_id) < position(clock):
            before = len(self.turns)
            if self.step(OPENING_S) is None:
                self._note_end()
                self.reconnect()
            for last, turn in pairwise(self.turns[max(before - 1, 0) :]):
                trees = turn.named("tree")
                self.rebases += any(tree["reason"] == "rebase" for tree in trees)
                self.compacted += not trees and position(turn.id) > position(last.id) + 1

    def _note_end(self) -> None:
        self.closed += 1


class CutFollower(ResumingFollower):
    """A client that is cut off again and again, as `dice` say, and resumes by the last id it has committed.

    `cuts` counts all, `inside` those in the middle of a frame.
    """

    cuts = inside = 0
    _patience = 1  # doubled by each connection that brought nothing whole, so that it gets on in the end

    def __init__(self, url: str, dice: random.Random) -> None:
        self.dice = dice
        super().__init__(url)

    def _connected(self) -> Stream:
        stream = CutStream(self.url, headers=self.headers, last_id=self.last_id)
        if stream.status != 200:
            stream.close()
            raise ProtocolBreach(f"{self.url}: status {stream.status}")
        stream.budget = int(10 ** self.dice.uniform(1.5, 3.2)) * self._patience
        self._patience *= 2
        return stream

    def _commit(self, turn: Turn) -> None:
        super()._commit(turn)
        self._patience = 1

    def _note_end(self) -> None:
        stream = self.stream
        if isinstance(stream, CutStream) and stream.is_cut():
            self.cuts += 1
            self.inside += stream.is_inside_a_frame
        else:
            self.closed += 1


class SlowFollower(ResumingFollower):
    """It has little room for what it does not read, and reads only when all is over."""

    def _connected(self) -> Stream:
        stream = super()._connected()
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        return stream


def position(clock: str) -> int:
    """A clock's place in its epoch; -1 before the first."""
    return int(clock.rpartition("-")[2]) if clock else -1


class Witnesses:
    """Several clients of one server, and the disk. `follow` between the steps of a storm, `look` when it stands still.

    One follows everything and two live on its `changes` (by words, by deltas), one takes `tree` and `quantum` alone,
    and further ones may be added to `clients`. Those that live on changes can't take a tree anew in between.
    """

    def __init__(self, url: str, *roots: Path, changes: bool = True) -> None:
        self.url, self.roots = url, roots
        self.full, self.bare = ResumingFollower(f"{url}/events"), ResumingFollower(f"{url}/events{BARE}")
        self.clients: list[ResumingFollower] = []
        for follower in (self.full, self.bare):
            follower.turn(OPENING_S)
        self.consumers = changes
        self.by_words = ByWords(shape_of(mirror_listing(self.full.mirror)), [bytes(root) for root in roots])
        self.by_deltas = ByDeltas(deepcopy(self.full.mirror) if changes else self.full.mirror)
        self.full.turns.clear()
        self.batches = self.digests = self.entries = 0

    @property
    def everyone(self) -> list[ResumingFollower]:
        return [self.full, self.bare, *self.clients]

    def sync(self) -> str:
        return str(get_json(f"{self.url}/clock?sync=1")["clock"])

    def follow(self) -> str:
        """Every client but the slow ones comes up to now; the clock."""
        clock = self.sync()
        for client in self.everyone:
            if not isinstance(client, SlowFollower):
                client.reach(clock)
        self._take_changes()
        return clock

    def look(self, when: str) -> None:
        """Raises LawBroken if any of them differs from the disk, now that nothing changes it."""
        clock = self.follow()
        for client in self.clients:
            client.reach(clock)
        _refuse("a client that keeps up was told everything anew" if self.full.rebases and self.consumers else "", when)
        disk = {path: seen for root in self.roots for path, seen in listing(bytes(root)).items()}
        for follower in self.everyone:
            _refuse("" if follower.last_id == clock else f"at {follower.last_id} instead of {clock}", when)
            _refuse(difference(disk, mirror_listing(follower.mirror)), when)
            in_full = follower.mirror.digest() == follower.mirror.service_digest
            _refuse("" if in_full else "the digest kept up is not the digest in full", when)
            follower.turns.clear()
        self._compare_digests(when)
        if self.consumers:
            self._compare_changes(disk, when)
        self.digests, self.entries = self.full.digests_checked, len(disk)

    def _take_changes(self) -> None:
        for turn in self.full.turns:
            self.batches += 1
            for change in turn.named("change") if self.consumers else ():
                self.by_words.take(change)
                self.by_deltas.take(change)
        self.full.turns.clear()

    def _compare_digests(self, when: str) -> None:
        """With what the server itself says, as the batches' digests were compared by the followers."""
        for root in self.roots:
            held = self.full.mirror.entries[self.full.mirror.children[0][bytes(root)]].digest
            told = get_json(f"{self.url}/tree?path={root}")["digest"]
            _refuse("" if told == f"{held:032x}" else f"the digest of {root}", when)

    def _compare_changes(self, disk: Listing, when: str) -> None:
        by_deltas = difference(without_times_of_directories(disk), self.by_deltas.listing())
        _refuse(by_deltas and f"by the deltas: {by_deltas}", when)
        words = {path for path, _ in self.by_words.shape.items() ^ shape_of(disk).items()}
        _refuse(f"by the words: {sorted(words)[:20]}" if words else "", when)

    def close(self) -> None:
        for follower in self.everyone:
            follower.close()


def _refuse(complaint: str, when: str) -> None:
    """Nothing to complain of: nothing happens."""
    if complaint:
        raise LawBroken(f"{when}: {complaint}")
