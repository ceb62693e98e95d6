"""Our server, as a user starts it, with one client on its stream who keeps a mirror.

Law: nothing is told but by its HTTP. It is ready once a stream that was opened while it scanned is answered.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic

from bench.machine import ROOT
from bench.watchers.watching import DEADLINE_S, NotToldError, Watching
from smarttree import qtn
from smarttree._delta import apply_records
from smarttree.tree import NO_ID, Tree

SERVING = re.compile(rb"serving .+ on http://localhost:(\d+)\n")
OPENED = b"\nid: "
OPENING_END = b"\n\n"


class Connection:
    """One connection to the server, kept alive: a request at a time. The server ends one that is idle for long."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = self._connected()

    def _connected(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def get(self, target: str) -> bytes:
        """The body of the answer. Raises NotToldError unless it is a 200 with its length."""
        if select.select([self.socket], [], [], 0)[0]:  # between two requests there is nothing to read but the end
            self.socket.close()
            self.socket = self._connected()
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if b" 200 " not in head[:16] or length is None:
            raise NotToldError(f"{target}: {head[:100]!r}")
        parts, have = [body], len(body)
        while have < int(length[1]):
            parts.append(self._receive())
            have += len(parts[-1])
        return b"".join(parts)

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 20)
        if not data:
            raise NotToldError("the server closed the connection")
        return data

    def close(self) -> None:
        self.socket.close()


class Ours(Watching):
    """`st --serve` on one directory, and a stream of it; with `mirrored`, a client who was sent the tree."""

    def __init__(self, top: Path, *, watcher: str, arguments: Sequence[str] = (), mirrored: bool = False) -> None:
        self.top, self._told, self._mirrored = top, list[bytes](), mirrored
        self._state = tempfile.TemporaryDirectory()  # kept as by default, and taken up by nobody
        command = [sys.executable, "-m", "smarttree", "--serve", str(top), "--watcher", watcher, "--port", "0", "-q"]
        command += ["--state", self._state.name]
        start = monotonic()
        self._process = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        try:
            assert self._process.stdout is not None
            found = SERVING.fullmatch(self._process.stdout.readline())
            if found is None:
                raise NotToldError(f"the server by {watcher} did not start")
            self.port = int(found[1])
            self._stream = self._follow("events=quantum&tree=none")
            self.ready_s = monotonic() - start
            if mirrored:
                self._stream.close()
                self._stream = self._follow("events=tree,quantum&mode=quantum")
            self.asking = Connection(self.port)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _follow(self, query: str) -> socket.socket:
        """A stream that has told its opening, which ends with the first `id:`."""
        stream = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        stream.sendall(f"GET /events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        end = b""
        while not (OPENED in end and end.endswith(OPENING_END)):
            data = stream.recv(1 << 20)
            if not data:
                raise NotToldError("the server ended before it was ready")
            self.keep(data)
            end = (end + data)[-256:]
        return stream

    def fileno(self) -> int:
        return self._stream.fileno()

    def is_notice(self, data: bytes) -> bool:
        """A sign of life is a comment, or a frame with nothing but an id."""
        return not data.startswith((b":", b"id: "))

    def keep(self, data: bytes) -> None:
        if self._mirrored:
            self._told.append(data)

    def sync(self) -> None:
        self.asking.get("/clock?sync=1")

    def lost(self, expected: Mapping[bytes, os.stat_result | None]) -> int:
        """By a mirror that was led by the stream alone, and the values of each entry in it."""
        self.close()
        mirror = self.mirror()
        top = os.fsencode(self.top)
        return sum(_told(mirror, os.path.join(top, path)) != _seen(seen) for path, seen in expected.items())

    def mirror(self) -> Tree:
        """The tree that a client has in the end."""
        tree = None
        for event, data in _frames(b"".join(self._told)):
            if event == b"tree":
                tree = qtn.decode(qtn.from_text(json.loads(data)["compressed"])).tree
            elif event == b"quantum" and tree is not None:
                apply_records(tree, qtn.decode_batch(qtn.from_text(data.decode())).records)
        if tree is None:
            raise NotToldError("the stream never told a tree")
        return tree

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._state.cleanup()
        self._stream.close()
        self.asking.close()


def _frames(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Event and data of each frame; our server ends lines with LF alone and writes each field once."""
    for frame in stream.partition(b"\r\n\r\n")[2].split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
        if b"data" in fields:
            yield fields.get(b"event", b"message"), fields[b"data"]


def _told(mirror: Tree, path: bytes) -> tuple[int, int, int] | None:
    eid = mirror.resolve(path)
    if eid == NO_ID:
        return None
    row = mirror.row(eid)
    return row.mode, row.size, row.mtime_ns


def _seen(seen: os.stat_result | None) -> tuple[int, int, int] | None:
    """The same from the disk. QTN1 leaves a directory's own size out."""
    if seen is None:
        return None
    return seen.st_mode, 0 if stat.S_ISDIR(seen.st_mode) else seen.st_size, seen.st_mtime_ns
