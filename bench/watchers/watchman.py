"""Watchman, as Debian packs it: a daemon of its own for each measurement, and one subscription over its socket.

Law: it starts from nothing, keeps no state, and is configured by nobody; JSON on the wire, which costs it less than us.
It is ready once its clock was synchronised for the first time.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from bench.watchers.watching import DEADLINE_S, NotToldError, Watching

SYNC_TIMEOUT_MS = 120_000
SETTLE_QUIET_S = 1.0


class Watchman(Watching):
    """The daemon watching one directory."""

    def __init__(self, program: str, top: Path) -> None:
        self._top, self._told = top, list[bytes]()
        self._folder = tempfile.TemporaryDirectory(prefix="watchman-")
        place = Path(self._folder.name)
        (place / "config.json").write_text("{}")
        named = {"sockname": "socket", "logfile": "log", "statefile": "state", "pidfile": "pid"}
        options = [f"--{option}={place / name}" for option, name in named.items()]
        start = monotonic()
        self._process = subprocess.Popen(
            [program, "--foreground", "--no-save-state", *options],
            env={**os.environ, "WATCHMAN_CONFIG_FILE": str(place / "config.json")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        try:
            self._asking = self._connect(place / "socket")
            self._ask(self._asking, "watch", str(top))
            clock = self._ask(self._asking, "clock", str(top), {"sync_timeout": SYNC_TIMEOUT_MS})["clock"]
            self.ready_s = monotonic() - start
            self._stream = self._connect(place / "socket")
            self._ask(self._stream, "subscribe", str(top), "bench", {"fields": ["name"], "since": clock})
            self.until_quiet(0.1)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _connect(self, place: Path) -> socket.socket:
        """A connection, as soon as the daemon listens. Raises NotToldError where it ended instead."""
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(DEADLINE_S)
            try:
                connection.connect(str(place))
            except (FileNotFoundError, ConnectionRefusedError) as error:
                connection.close()
                try:
                    self._process.wait(0.002)
                except subprocess.TimeoutExpired:
                    continue
                raise NotToldError("Watchman did not start") from error
            return connection

    def _ask(self, connection: socket.socket, *command: object) -> Any:
        """A command and its answer, one line each. Raises NotToldError where the answer is an error."""
        connection.sendall(json.dumps(command).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            data = connection.recv(1 << 16)
            if not data:
                raise NotToldError("Watchman ended")
            line += data
        answer = json.loads(line)
        if "error" in answer:
            raise NotToldError(f"Watchman: {answer['error']}")
        return answer

    def fileno(self) -> int:
        return self._stream.fileno()

    def is_notice(self, data: bytes) -> bool:
        return True

    def keep(self, data: bytes) -> None:
        self._told.append(data)

    def sync(self) -> None:
        self._ask(self._asking, "clock", str(self._top), {"sync_timeout": SYNC_TIMEOUT_MS})

    def lost(self, expected: Mapping[bytes, os.stat_result | None]) -> int:
        self.close()
        paths: set[bytes] = set()
        for line in b"".join(self._told).splitlines():
            paths.update(os.fsencode(path) for path in json.loads(line).get("files", ()))
        return sum(path not in paths for path in expected)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._stream.close()
        self._asking.close()
        self._folder.cleanup()
