"""Servers of streams, as a table asks for them: started for each sample, reached over loopback, looked at from outside.

Law: what is measured is the server's processes, all of them: their processor time, and their memory. Ours is told what
to publish as a library is; nginx by requests; the real `st --serve` by files that are made.
"""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import clock_gettime, monotonic
from typing import Self

from bench.machine import ROOT

CPUCLOCK_SCHED = 2
DEADLINE_S = 30.0
READY = re.compile(rb"ready (\d+) (\d+)\n")
SERVING = re.compile(rb"serving .+ on http://localhost:(\d+)\n")
OURS_TARGET = "/events?events=change&tree=none"
OURS_READY_LINES = 5  # `retry:`, a comment and a blank line; the id of the opening and a blank line


class NotServedError(Exception):
    """A server that did not start, or ended: there is no figure."""


def raise_limits() -> None:
    """As many sockets as the system allows, for this process and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def open_files_max() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Serving(ABC):
    """A server at work. `arguments` are the load generator's: where its streams are, and how events are published."""

    _process: subprocess.Popen[bytes]
    arguments: Sequence[str]

    def start(self, command: Sequence[str]) -> bytes:
        """Starts the server; its first line. It ends with this process, whose end closes its standard input."""
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    @abstractmethod
    def finish(self) -> dict[str, float]:
        """Ends the server; what it tells of itself then. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    # --- what it costs ------------------------------------------------------------------------------------------------

    def processes(self) -> list[int]:
        """The server's, parents first."""
        found, unseen = list[int](), [self._process.pid]
        while unseen:
            pid = unseen.pop()
            found.append(pid)
            for children in _read_all(Path(f"/proc/{pid}/task").glob("*/children"), pid):
                unseen += map(int, children.split())
        return found

    def cpu_s(self) -> float:
        """Processor time of all processes and threads, to the nanosecond."""
        return sum(clock_gettime(~pid << 3 | CPUCLOCK_SCHED) for pid in self.processes())

    def memory_bytes(self) -> int:
        """What the processes hold that nobody else does, and their part of what they share (PSS). No kernel memory."""
        return sum(_pss_bytes(pid) for pid in self.processes())


class Program(Serving):
    """A program that says `ready PORT CONTROL-PORT` and ends with its standard input."""

    def __init__(self, command: Sequence[str], *arguments: str) -> None:
        found = READY.fullmatch(self.start(command))
        if found is None:
            self.finish()
            raise NotServedError(f"{' '.join(command[-2:])} did not get ready")
        self.arguments = ["--port", found[1].decode(), "--control", found[2].decode(), *arguments]

    def finish(self) -> dict[str, float]:
        if self._process.returncode is not None:
            return {}
        told, _ = self._process.communicate(timeout=DEADLINE_S)
        last = told.splitlines()[-1:] or [b"{}"]
        return {name: float(value) for name, value in json.loads(last[0]).items()}


def library(name: str, *options: str, arguments: Sequence[str] = ("--target", "/events")) -> Program:
    """One of `bench.fanout.children`."""
    return Program([sys.executable, "-m", f"bench.fanout.children.{name}", *options], *arguments)


def ours(*options: str) -> Program:
    """The real server but for the disk: see `bench.fanout.children.ours`."""
    return library("ours", *options, arguments=("--target", OURS_TARGET, "--ready-lines", str(OURS_READY_LINES)))


class EndToEnd(Serving):
    """`st --serve` on an empty directory, as a user starts it, and files that are made there."""

    def __init__(self) -> None:
        self._folders = [tempfile.TemporaryDirectory(), tempfile.TemporaryDirectory()]
        top, state = (folder.name for folder in self._folders)
        command = [sys.executable, "-m", "smarttree", "--serve", top, "--port", "0", "-q", "--state", state]
        found = SERVING.fullmatch(self.start([*command, "--batch-ms", "0", "--max-connections", "100000"]))
        if found is None:
            self.finish()
            raise NotServedError("the server did not start")
        self.arguments = ["--port", found[1].decode(), "--directory", top, "--target", OURS_TARGET]
        self.arguments += ["--ready-lines", str(OURS_READY_LINES)]

    def finish(self) -> dict[str, float]:
        end(self._process)
        for folder in self._folders:
            folder.cleanup()
        return {}


class Nginx(Serving):
    """nginx with nchan, as Debian packs it: one worker, told by POST. `kept` is how many messages it remembers."""

    MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so"

    def __init__(self, program: str, kept: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        place, port = Path(self._folder.name), free_port()
        (place / "nginx.conf").write_text(_nginx_settings(place, port, kept))
        self._process = subprocess.Popen(
            [program, "-p", str(place), "-c", str(place / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(port, self._process)
        except NotServedError:
            self.finish()
            raise
        self.arguments = ["--port", str(port), "--control", str(port), "--target", "/events", "--post", "/publish"]

    def finish(self) -> dict[str, float]:
        end(self._process)
        self._folder.cleanup()
        return {}


def _nginx_settings(place: Path, port: int, kept: int) -> str:
    temporary = "".join(
        f"{name}_temp_path {place}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
        load_module {Nginx.MODULE};
        daemon off; worker_processes 1; pid {place}/pid; error_log {place}/errors error;
        worker_rlimit_nofile {open_files_max()};
        {"" if os.geteuid() else "user root;"}
        events {{ worker_connections {min(open_files_max() - 100, 100_000)}; }}
        http {{
            access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; {temporary}
            client_body_buffer_size 2m; client_max_body_size 2m; nchan_shared_memory_size 512M;
            server {{
                listen 127.0.0.1:{port} backlog=1024;
                location = /events {{
                    nchan_subscriber eventsource; nchan_channel_id bench;
                    nchan_subscriber_first_message newest; nchan_eventsource_ping_interval 0;
                }}
                location = /publish {{
                    nchan_publisher; nchan_channel_id bench;
                    nchan_message_buffer_length {kept}; nchan_message_timeout 10m;
                }}
            }}
        }}
    """


def _read_all(paths: Iterator[Path], pid: int) -> list[str]:
    try:
        return [path.read_text() for path in paths]
    except OSError as error:
        raise NotServedError(f"process {pid} of the server ended") from error


def _pss_bytes(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    if found is None:
        raise NotServedError(f"process {pid} of the server ended")
    return int(found[1]) * 1024


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + DEADLINE_S
    while monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
        except ConnectionRefusedError:
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise NotServedError("nginx did not start")


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks first, so that it ends its own processes as well."""
    process.terminate()
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
