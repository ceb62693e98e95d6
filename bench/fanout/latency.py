"""How soon an event is with its clients at a fixed rate: all of them reading, some stalled; and how late the loop is.

From when an event was due to be published until the last of its bytes is read from the client's socket, for each
client. Targets: p99 at 20/s to 1,000 clients 0.6 × nchan's; with 5 % of the clients stalled for good 1.3 × itself
without them, and no more memory; the loop's lateness at 20/s to 2,000 clients p99 5 ms.
"""

from __future__ import annotations

from functools import partial

from bench.fanout.cost import DEEP_BYTES, EVERYONE, SMALL_BYTES
from bench.fanout.loading import Loading, Result
from bench.fanout.part import (
    FLOOR,
    NCHAN,
    OURS,
    OURS_LOOP,
    QUEUES,
    STARLETTE,
    Server,
    Setting,
    row,
    servers,
)
from bench.report import Verdict
from bench.rounds import Sample, Samples
from bench.tables import Part, at_most, times

BY_NCHAN, STALLED_TIMES, STALLED_MB, LATE_MS = 0.6, 1.3, 1.0, 5.0
PER_SECOND, CLIENTS, CLIENTS_OF_LOOP = 20, 1000, 2000
STALLED_SHARE, STALLED_FRAME_BYTES = 0.05, 4096
FILL_BYTES = 1 << 20  # told to everyone before: ours and the floor's buffers in the kernel hold a quarter of it
LONGER = 2  # than what else is measured: at 20 a second a few seconds are few events


def fixed_rate(clients: int, frame_bytes: int, setting: Setting) -> list[str]:
    seconds = ["--seconds", str(setting.seconds * LONGER)]
    return ["--clients", str(clients), "--frame", str(frame_bytes), "--rate", str(PER_SECOND), *seconds]


def at_a_rate(setting: Setting, server: Server) -> Sample:
    with (
        server.start() as serving,
        Loading(setting.load, serving, *fixed_rate(setting.clients(CLIENTS), SMALL_BYTES, setting)) as loading,
    ):
        found = loading.result()
    told = found.told
    return {"p50": told["p50_ms"], "p99": told["p99_ms"], "max": told["max_ms"], "us": found.cpu_us_each}


def with_stalled(setting: Setting, server: Server) -> Sample:
    clients = setting.clients(CLIENTS)
    stalled = max(1, round(clients * STALLED_SHARE))
    without, beside = (_stalled(setting, server, clients, count) for count in (0, stalled))
    grown = [(each.ended_bytes - each.opened_bytes) / 1e6 for each in (without, beside)]
    return {
        "p99": beside.told["p99_ms"],
        "times": beside.told["p99_ms"] / without.told["p99_ms"],
        "grown": max(0.0, grown[1] - grown[0]),
        "held": max(0.0, (beside.opened_bytes - without.opened_bytes) / 1e6),
    }


def _stalled(setting: Setting, server: Server, clients: int, stalled: int) -> Result:
    """The stalled are beside the others, so that those are as many."""
    options = ["--deep", str(DEEP_BYTES[STALLED_FRAME_BYTES])] if server.name == OURS else []
    arguments = fixed_rate(clients, STALLED_FRAME_BYTES, setting)
    fill = round(FILL_BYTES * min(1.0, setting.scale * 10))
    with (
        server.start(*options) as serving,
        Loading(setting.load, serving, *arguments, "--stalled", str(stalled), "--fill", str(fill)) as loading,
    ):
        return loading.result()


def lateness(setting: Setting, server: Server) -> Sample:
    with server.start("--lateness") as serving:
        arguments = fixed_rate(setting.clients(CLIENTS_OF_LOOP), SMALL_BYTES, setting)
        with Loading(setting.load, serving, *arguments) as loading:
            loading.result()
        found = serving.finish()
    return {cut: found[f"late_{cut}_ms"] for cut in ("p50", "p99", "max")}


def judge_rate(what: str, samples: Samples) -> list[Verdict]:
    return [times(what, samples, "ms from publishing to a client, p99", "p99", BY_NCHAN, one=OURS, other=NCHAN)]


def judge_stalled(what: str, samples: Samples) -> list[Verdict]:
    return [
        at_most(what, samples, "times the p99 without stalled clients", OURS, "times", STALLED_TIMES),
        at_most(what, samples, "MB that memory grows by more than without them", OURS, "grown", STALLED_MB),
    ]


def judge_loop(what: str, samples: Samples) -> list[Verdict]:
    return [at_most(what, samples, "ms that the event loop is late, p99", OURS, "p99", LATE_MS)]


def rate(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="fanout-rate",
        what=f"{SMALL_BYTES} B to {setting.clients(CLIENTS)} clients, {PER_SECOND} a second",
        measure="p99",
        units={"p50": "p50 ms", "p99": "p99 ms", "max": "largest ms", "us": "CPU µs"},
        baseline=FLOOR,
        contestants=[row(each, partial(at_a_rate, setting)) for each in servers(setting, *EVERYONE)],
        judge=judge_rate,
    )


def stalled(setting: Setting) -> Part:
    """Raises MissingError."""
    clients = setting.clients(CLIENTS)
    return Part(
        name="fanout-stalled",
        what=f"{STALLED_FRAME_BYTES} B to {clients} clients, {PER_SECOND} a second, beside 5 % that take nothing",
        measure="p99",
        units={"p99": "p99 ms", "times": "× without", "grown": "MB grown", "held": "MB held"},
        baseline=FLOOR,
        contestants=[
            row(each, partial(with_stalled, setting)) for each in servers(setting, FLOOR, OURS, NCHAN, QUEUES)
        ],
        judge=judge_stalled,
    )


def loop(setting: Setting) -> Part:
    """Of those who have such a loop. Raises MissingError."""
    return Part(
        name="fanout-loop",
        what=f"{SMALL_BYTES} B to {setting.clients(CLIENTS_OF_LOOP)} clients, {PER_SECOND} a second",
        measure="p99",
        units={"p50": "late p50 ms", "p99": "late p99 ms", "max": "latest ms"},
        baseline=OURS,
        contestants=[
            row(each, partial(lateness, setting)) for each in servers(setting, OURS, OURS_LOOP, QUEUES, STARLETTE)
        ],
        judge=judge_loop,
    )
