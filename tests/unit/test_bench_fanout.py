"""The harness of fan-out: small tables of ours and the floor, a wrong stream is found, who is missing fails it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench.fanout import __main__ as command
from bench.fanout import cost, holding, latency, part
from bench.fanout.loading import Loading, WrongStreamError
from bench.fanout.part import FLOOR, NCHAN, OURS, Server, Setting
from bench.fanout.serving import NotServedError, Program, Serving

ROOT = Path(__file__).resolve().parents[2]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The load generator, the floor, and no Mercure."""
    place = tmp_path_factory.mktemp("programs")
    compile_it = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu17"]
    subprocess.run([*compile_it, "-o", place / "load", *sorted((ROOT / "bench/load").glob("*.c"))], check=True)
    subprocess.run([*compile_it, "-o", place / "floor", ROOT / "bench/floor/fanout.c"], check=True)
    return [str(place / "load"), str(place / "floor"), str(place / "mercure")]


@pytest.fixture
def without_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without them, where a table would be refused. The floor stands for whom limits speak of."""

    def servers(setting: Setting, *names: str) -> list[Server]:
        kept = [name for name in names if name == FLOOR or name.startswith(OURS)]
        found = part.servers(setting, *kept)
        floor = part.servers(setting, FLOOR)[0]
        return [*found, *([replace(floor, name=NCHAN, role="rival")] if NCHAN in names else [])]

    for module in (cost, holding, latency):
        monkeypatch.setattr(module, "servers", servers)


def small(tmp_path: Path, *only: str) -> list[str]:
    chosen = [argument for name in only for argument in ("--only", name)]
    amounts = ["--rounds", "1", "--scale", "0.02", "--seconds", "0.1", "--reconnects", "50"]
    return [*amounts, *chosen, "--results", str(tmp_path / "results")]


# ---------------------------------------------------------------- tables


@pytest.mark.usefixtures("without_rivals")
@pytest.mark.parametrize("name", ["one", "large", "stalled", "storm"])
def test_a_part_is_measured_judged_and_kept(
    name: str, programs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*programs, *small(tmp_path, name)]) in (0, 1)
    (kept,) = (tmp_path / "results").glob(f"*/fanout-{name}.json")
    table = json.loads(kept.read_text())
    shown = capsys.readouterr().out
    assert shown.count("met: ") + shown.count("MISSED: ") == len(table["verdicts"]) > 0
    assert str(tmp_path) not in kept.read_text() + shown
    if name == "storm":
        assert [verdict["value"] for verdict in table["verdicts"]] == [0] * 6


def test_a_missing_rival_fails_the_table_by_name(
    programs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NGINX", "no-such-nginx")
    assert command.main([*programs, *small(tmp_path, "one")]) == 2
    assert "no-such-nginx is missing" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_who_does_not_get_ready_gives_no_figure() -> None:
    with pytest.raises(NotServedError, match="did not get ready"):
        Program(["true"])


# ---------------------------------------------------------------- the check of every stream


class Told(Serving):
    """Not a server's processes: a thread of this one, which makes of the events so far what a client is sent."""

    def __init__(self, port: int, control: int) -> None:
        self.arguments = ["--port", str(port), "--control", str(control)]

    def finish(self) -> dict[str, float]:
        return {}

    def processes(self) -> list[int]:
        return [os.getpid()]


Tell = Callable[[int, Sequence[bytes]], bytes]
"""The stream's next bytes for a client by its number, and all events' frames so far."""


def serve(clients: socket.socket, control: socket.socket, tell: Tell) -> None:
    """Two clients, until all is published, or one of them has seen enough."""
    frames: list[bytes] = []
    with ExitStack() as opened, suppress(ConnectionError):
        events = opened.enter_context(control.accept()[0])
        streams = [opened.enter_context(clients.accept()[0]) for _ in range(2)]
        for stream in streams:
            stream.recv(4096)
            stream.sendall(HEAD)
        for line in opened.enter_context(events.makefile("rb")):
            if not line.startswith(b"!"):
                frames.append(b"id: %d\ndata: %s\n\n" % (len(frames), line[:-1]))
                for number, stream in enumerate(streams):
                    stream.sendall(tell(number, frames))


@contextmanager
def telling(tell: Tell) -> Iterator[Told]:
    with socket.create_server(("127.0.0.1", 0)) as clients, socket.create_server(("127.0.0.1", 0)) as control:
        thread = threading.Thread(target=serve, args=(clients, control, tell))
        thread.start()
        yield Told(clients.getsockname()[1], control.getsockname()[1])
        thread.join()


def measured(load: str, tell: Tell, *arguments: str) -> str:
    """What is found wrong with the streams."""
    with telling(tell) as serving, Loading(Path(load), serving, "--clients", "2", *arguments) as loading:
        try:
            found = loading.result()
        except WrongStreamError as error:
            return re.sub(r"\b0 \w+(, )?", "", str(error)).rstrip(", ")
        return f"right: {found.told['events']:.0f} events" if found.told["events"] else "right"


def all_alike(_: int, frames: Sequence[bytes]) -> bytes:
    return frames[-1]


def test_a_stream_as_it_was_published_is_right(programs: list[str]) -> None:
    arguments = ("--rate", "1000", "--seconds", "0.05", "--frame", "300")
    assert measured(programs[0], all_alike, *arguments) == "right: 50 events"


AT = 8  # an event that comes once the measurement has begun


def wrong(number: int, frames: Sequence[bytes], bad: bytes, who: int) -> bytes:
    return bad if len(frames) == AT and number == who else frames[-1]


@pytest.mark.parametrize("who", [0, 1], ids=["ahead of all", "behind another"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda frames: b"", "1 missed"),
        (lambda frames: frames[-1] + frames[-1], "1 repeated"),
        (lambda frames: frames[-1].replace(b"~\n", b"z\n"), "1 falsified"),
        (lambda frames: frames[-1].replace(b"data: ", b"data: x"), "1 falsified"),
    ],
)
def test_a_wrong_stream_is_found(
    programs: list[str], fault: Callable[[Sequence[bytes]], bytes], said: str, who: int
) -> None:
    def tell(number: int, frames: Sequence[bytes]) -> bytes:
        return wrong(number, frames, fault(frames), who)

    assert said in measured(programs[0], tell, "--rate", "1000", "--seconds", "0.05")
