"""The bytes that a stream costs while people work: by default, as a browser gets it, and as a mirror asks for it.

A *moment* is something that a person or a tool does: of a hundred, 80 save one file (by a temporary name that is
renamed, as editors do), 15 write two to ten, 5 switch a branch, of 200 to 500 files. Each is over before the next one
begins, so no two share a batch. Openings are not counted; statistics are, where they come between. Target: a tenth.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.clients.part import Setting
from bench.report import Verdict
from bench.rest.serving import Asking, Ours
from bench.rounds import Contestant, Sample, Samples, ratios
from bench.tables import Part

DEFAULT, MIRROR = "the default stream", "what our clients ask for"
TARGETS = {DEFAULT: "/events", MIRROR: "/events?events=tree,quantum"}
SHARE = 0.1
FILES, SEED = 2_000, 1
DEADLINE_S = 30.0


class Counted:
    """A stream's bytes, counted as they come. `since` begins anew."""

    def __init__(self, port: int, target: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._turned = threading.Condition()
        self._bytes, self._tail = 0, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                return
            if not data:
                return
            with self._turned:
                self._bytes += len(data)
                self._tail = (self._tail + data)[-200:]
                self._turned.notify_all()

    def until(self, clock: str) -> int:
        """The bytes so far, once the frame with this clock has come."""
        with self._turned:
            if not self._turned.wait_for(lambda: self._tail.endswith(f"id: {clock}\n\n".encode()), DEADLINE_S):
                raise TimeoutError(f"no clock {clock}: {self._tail!r}")
            return self._bytes

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)
        self._socket.close()


def worked(moments: int) -> dict[str, Sample]:
    """Both streams' bytes for the same work, in all and of single saves."""
    rng = Random(SEED)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        top = Path(folder)
        files = [top / f"{number % 40}" / f"module_{number}.py" for number in range(FILES)]
        for path in files:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x" * rng.randrange(20_000))
        serving = stack.enter_context(Ours(top))
        asking = stack.enter_context(Asking(serving.port))
        streams = {name: Counted(serving.port, target) for name, target in TARGETS.items()}
        for stream in streams.values():
            stack.callback(stream.close)
        opened = told(asking, streams)
        found = {name: {"bytes": 0.0, "single": 0.0, "singles": 0.0} for name in streams}
        for number in range(moments):
            before = told(asking, streams) if number else opened
            many = how_many(number)
            work(rng.sample(files, many), rng)
            for name, count in told(asking, streams).items():
                found[name]["bytes"] += count - before[name]
                if many == 1:
                    found[name]["single"] += count - before[name]
                    found[name]["singles"] += 1
    return {name: {"bytes": f["bytes"] / moments, "single": f["single"] / f["singles"]} for name, f in found.items()}


def how_many(number: int) -> int:
    """The files that a moment writes."""
    rng = Random(number)
    kind = number % 100
    return 1 if kind < 80 else rng.randrange(2, 11) if kind < 95 else rng.randrange(200, 501)


def work(files: list[Path], rng: Random) -> None:
    for path in files:
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(b"x" * rng.randrange(20_000))
        temporary.rename(path)


def told(asking: Asking, streams: dict[str, Counted]) -> dict[str, int]:
    """The bytes of each up to this moment."""
    clock = asking.get("/clock?sync=1").body.split(b'"')[3].decode()
    return {name: stream.until(clock) for name, stream in streams.items()}


class Both:
    """Two rows of one run."""

    def __init__(self, moments: int) -> None:
        self._moments = moments
        self._found: dict[str, Sample] = {}

    def default(self) -> Sample:
        self._found = worked(self._moments)
        return self._found[DEFAULT]

    def mirror(self) -> Sample:
        return self._found[MIRROR]


def judge(what: str, samples: Samples) -> list[Verdict]:
    share = ratios(samples[MIRROR]["bytes"], samples[DEFAULT]["bytes"]).median
    return [Verdict(target="of the default stream's bytes", tree=what, value=share, limit=SHARE)]


def traffic(setting: Setting) -> Part:
    both = Both(setting.moments)
    return Part(
        name="clients-traffic",
        what=f"{setting.moments:,} moments of work on {FILES:,} files",
        measure="bytes",
        units={"bytes": "bytes a moment", "single": "bytes a single save"},
        baseline=DEFAULT,
        contestants=[
            Contestant(name=DEFAULT, role="rival", version=f"smarttree {setting.smarttree}", run=both.default),
            setting.ours(MIRROR, both.mirror),
        ],
        judge=judge,
    )
