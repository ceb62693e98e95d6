"""What all parts of a table of fan-out are given, and the servers that are its rows.

Law: a server is started afresh for each sample, and a row that can't be measured fails the table.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bench.fanout.loading import WrongStreamError
from bench.fanout.serving import EndToEnd, Nginx, Program, Serving, library, ours
from bench.programs import MissingError, debian_version, library_version, program
from bench.rounds import Contestant, Sample

OURS, OURS_LOOP, END_TO_END = "smarttree", "smarttree, by the loop", "smarttree, from the disk"
FLOOR, NCHAN, QUEUES = "floor", "nginx + nchan", "aiohttp, a queue each"
STARLETTE, MERCURE = "sse-starlette", "Mercure"
KEPT = 1000  # messages that nchan remembers


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all parts are given: the compiled programs, and how much is to be done."""

    load: Path
    floor: Path
    mercure: Path
    smarttree: str
    compiler: str
    scale: float
    seconds: float
    reconnects: int

    def clients(self, count: int) -> int:
        return max(1, round(count * self.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One row of a table. `start` is given options that only programs of ours and around libraries know."""

    name: str
    role: Literal["ours", "floor", "rival"]
    version: str
    start: Callable[..., AbstractContextManager[Serving]]


def servers(setting: Setting, *names: str) -> list[Server]:
    """Those of these names, in this order. Raises MissingError."""
    made: dict[str, Callable[[], Server]] = {
        OURS: lambda: _ours(OURS, setting, ours),
        OURS_LOOP: lambda: _ours(OURS_LOOP, setting, partial(ours, "--fanout", "loop")),
        END_TO_END: lambda: _ours(END_TO_END, setting, EndToEnd),
        FLOOR: lambda: Server(
            name=FLOOR, role="floor", version=setting.compiler, start=partial(Program, [str(_compiled(setting.floor))])
        ),
        NCHAN: _nchan,
        STARLETTE: lambda: _library(STARLETTE, "starlette", "sse-starlette", "uvicorn", "uvloop"),
        QUEUES: lambda: _library(QUEUES, "queues", "aiohttp"),
        MERCURE: lambda: _mercure(setting),
    }
    return [made[name]() for name in names]


def _ours(name: str, setting: Setting, start: Callable[..., AbstractContextManager[Serving]]) -> Server:
    return Server(name=name, role="ours", version=f"smarttree {setting.smarttree}", start=start)


def _nchan() -> Server:
    path = program("nginx")
    if not Path(Nginx.MODULE).exists():
        raise MissingError("nchan is missing: `make bench-packages` installs what the benchmarks compare with")
    versions = " ".join(debian_version(name) for name in ("nginx", "libnginx-mod-nchan"))
    return Server(name=NCHAN, role="rival", version=versions, start=partial(Nginx, path, KEPT))


def _library(name: str, module: str, *packages: str) -> Server:
    versions = " ".join(f"{package} {library_version(package)}" for package in packages)
    return Server(name=name, role="rival", version=versions, start=partial(library, module))


def _mercure(setting: Setting) -> Server:
    path, wanted = str(_compiled(setting.mercure)), (Path(__file__).parent / "mercure" / "go.mod").read_text()
    version = wanted.partition("dunglas/mercure ")[2].partition("\n")[0]
    arguments = ("--target", "/.well-known/mercure?topic=bench")
    return Server(name=MERCURE, role="rival", version=f"mercure {version}", start=partial(Program, [path], *arguments))


def _compiled(path: Path) -> Path:
    if not path.exists():
        raise MissingError(f"{path.name} is missing: `make bench-fanout` builds it")
    return path.resolve()


def row(server: Server, run: Callable[[Server], Sample]) -> Contestant:
    """What goes wrong is said with the row's name."""

    def named() -> Sample:
        try:
            return run(server)
        except WrongStreamError as error:
            raise WrongStreamError(f"{server.name}: {error}") from error

    return Contestant(name=server.name, role=server.role, version=server.version, run=named)
