"""A campaign: a server of its own on a tree that is edited all the time, hostile and slow clients, and, beside them,
live streams and neighbours who ask for what they know the answer to.

Law: the streams lose nothing, and are never cut; neighbours are answered right; memory and descriptors do not grow; the
log has a line for an event, no traceback, and nothing of what was sent. What breaks it is told with the bytes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from tests.clients.plain import get_json
from tests.hostile.clients import Hostile
from tests.hostile.grammar import Grammar, Served, marks_in, operations_of
from tests.hostile.neighbours import Beside, Neighbour
from tests.hostile.slow import Slow
from tests.integration import storm
from tests.integration.process import DEADLINE_S, Process

HOSTILE_THREADS: Final = 6
SLOW_CLIENTS: Final = 45
STORM_STEPS: Final = 300
PAUSE_S: Final = 0.3
WARM_UP: Final = 0.3  # of the time
# What an allocator keeps, the collector has not come to, and a tree and a log that change all the time may differ by.
# In an hour that is 100 bytes a connection.
GROWTH_BYTES: Final = 64 << 20
DESCRIPTORS: Final = 8
SERVE: Final = (sys.executable, "-m", "tests.hostile.serve")
FLAGS: Final = (
    "--retention-bytes", "1M", "--heartbeat-s", "1", "--stats-interval", "2", "--compress", "--access-log", "-v",
)  # fmt: skip


class Plan(NamedTuple):
    """`guarded`: with a token, and the log as JSON."""

    seed: int
    seconds: float
    guarded: bool


class Outcome(NamedTuple):
    """What was done: for those who read it."""

    connections: int
    answers: int
    slow: int
    slow_sent_away: int
    asked_beside: int
    turns: int
    rss_growth_kib: int


class LawBroken(AssertionError):
    """What was found, all of it."""


class Campaign:
    """One, in a directory that is empty."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan, self.directory = plan, directory
        self.token = secrets.token_hex(16) if plan.guarded else None
        self.root, self.extra = directory / "root", directory / "extra"
        for path in (self.root / "steady", self.root / "in", self.extra / "one", self.extra / "two"):
            path.mkdir(parents=True)
        for number in range(400):
            (self.root / "steady" / f"{number:03}-{'n' * 100}").touch()
        self.defects: list[str] = []

    @contextmanager
    def _served(self) -> Iterator[Process]:
        flags = [*FLAGS, "--watch-base", str(self.extra)]
        if self.token is not None:
            (self.directory / "token").write_text(self.token)
            flags += ["--auth-token-file", str(self.directory / "token"), "--log-format", "json"]
        with Process(self.root, *flags, command=SERVE) as server:
            yield server

    def run(self) -> Outcome:
        """Raises LawBroken."""
        with self._served() as server:
            headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
            neighbour = Neighbour(server.url, self.root, headers)
            neighbour.until_ready()
            outcome = self._meanwhile(server, neighbour)
            self._judge_log(server)
            if self.defects:
                told = "\n".join(self.defects[:20])
                raise LawBroken(f"seed {self.plan.seed}: {len(self.defects)} defects\n{told}\n{server.log()[-3000:]}")
        return outcome

    def _meanwhile(self, server: Process, neighbour: Neighbour) -> Outcome:
        fresh = _descriptors(server)
        real = bytes(self.root.resolve())
        beside = Beside(server.url, self.root, neighbour.headers)
        hostile = Hostile(server.port, Grammar(self.plan.seed, self._to_ask_for(server, neighbour)), self.token)
        slow = Slow(server.port, real, self.token, self.plan.seed, SLOW_CLIENTS)
        ended = threading.Event()
        loops: list[Callable[[], None]] = [*[hostile.turn] * HOSTILE_THREADS, neighbour.turn, self._edit]
        threads = [threading.Thread(target=self._until, args=(ended, loop)) for loop in loops]
        with ExitStack() as at_end:
            at_end.callback(beside.close)
            for start in (beside.start, slow.start, *(thread.start for thread in threads)):
                start()
            try:
                grown = self._watch_memory(server, ended)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
                slow.stop()
            self.defects += [*hostile.defects, *slow.defects]
            neighbour.remove_roots([self.extra / "one", self.extra / "two"])
            self._step(lambda: beside.look(neighbour.sync()))
        self._until_descriptors(server, fresh)
        return Outcome(
            hostile.connections, hostile.answers, slow.made, slow.sent_away, neighbour.asked, beside.turns, grown >> 10
        )

    def _to_ask_for(self, server: Process, neighbour: Neighbour) -> Served:
        description = get_json(f"{server.url}/openapi.json", headers=neighbour.headers)
        movable = (self.extra / "one", self.extra / "two")
        beyond = (self.directory, Path("/etc/passwd"), Path("/proc/self/environ"))
        paths = (*(self.root / name for name in ("", "steady", "in", "0")), self.extra, *movable, *beyond)
        real, may_move = (tuple(bytes(path) for path in some) for some in (paths, (*movable, *beyond)))
        return Served(operations_of(description), real, may_move, neighbour.sync(), self.token)

    def _edit(self) -> None:
        for place in (self.root, self.root / "in"):
            storm.start(place, secrets.randbits(32), STORM_STEPS).wait(DEADLINE_S)
        threading.Event().wait(PAUSE_S)

    def _step(self, act: Callable[[], None]) -> bool:
        """Whether it broke no law."""
        try:
            act()
        except (AssertionError, OSError, ValueError) as error:
            self.defects.append(f"{type(error).__name__}: {error}")
            return False
        return True

    def _until(self, ended: threading.Event, act: Callable[[], None]) -> None:
        while not ended.is_set() and self._step(act):
            continue

    def _watch_memory(self, server: Process, ended: threading.Event) -> int:
        """How many bytes it grew from its warm-up on to its end, at both as it was for a while."""
        began, seen = monotonic(), []
        while (now := monotonic() - began) < self.plan.seconds and server.popen.poll() is None:
            seen.append((now, _rss_bytes(server)))
            ended.wait(0.5)
        assert server.popen.poll() is None, server.log()[-3000:]
        warm = [rss for when, rss in seen if WARM_UP / 2 < when / self.plan.seconds <= WARM_UP]
        late = [rss for when, rss in seen if when / self.plan.seconds > 1 - WARM_UP / 2]
        grown = _median(late) - _median(warm)
        if grown > GROWTH_BYTES:
            self.defects.append(
                f"its memory grew by {grown >> 20} MiB: {[rss >> 20 for _, rss in seen][:: len(seen) // 20 + 1]}"
            )
        return grown

    def _until_descriptors(self, server: Process, fresh: Counter[str]) -> None:
        """As few as before: also those of connections that were reset come back."""
        deadline = monotonic() + 4 * DEADLINE_S
        while (held := _descriptors(server)).total() > fresh.total() + DESCRIPTORS:
            if monotonic() > deadline:
                self.defects.append(f"more is open than before: {held - fresh}")
                return
            threading.Event().wait(0.2)

    def _judge_log(self, server: Process) -> None:
        log = server.log()
        lines = log.splitlines()
        if "Traceback" in log:
            at = log.index("Traceback")
            self.defects.append(f"a traceback is in the log: {log[max(0, at - 500) : at + 3000]}")
        if self.token is not None and self.token in log:
            self.defects.append("the token is in the log")
        told = [line for line in lines if marks_in(line.encode())]
        odd = [line for line in lines if not (_is_object(line) if self.plan.guarded else line[:2] == "20")]
        self.defects += [f"what was sent is in the log: {line}" for line in told[:5]]
        self.defects += [f"this is no line of the log: {line}" for line in odd[:5]]


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


def _rss_bytes(server: Process) -> int:
    pages = int(Path(f"/proc/{server.popen.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descriptors(server: Process) -> Counter[str]:
    """What is open, but for the log, which is as many files as it is long."""
    places = Path(f"/proc/{server.popen.pid}/fd")
    held: Counter[str] = Counter()
    for number in os.listdir(places):
        with suppress(FileNotFoundError):  # it was that of a moment
            held[re.sub(r"\d+", "N", os.readlink(places / number))] += 1
    return Counter({what: count for what, count in held.items() if "/log." not in what})
