"""What it costs to tell one event to many: one at a time, many in flight, large ones.

The loop is closed: the next events are published once every client has all those before. Targets: 200 B to 1,000
clients one at a time in 1.25 × the floor's processor time and 0.65 × nchan's; with 32 in flight in a tenth of nchan's
time; 16 KB to 200 clients in a third.
"""

from __future__ import annotations

from functools import partial

from bench.fanout.loading import Loading, Result
from bench.fanout.part import (
    END_TO_END,
    FLOOR,
    MERCURE,
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
from bench.tables import Part, times

BY_FLOOR, BY_NCHAN, FLIGHT_BY_NCHAN, LARGE_BY_NCHAN = 1.25, 0.65, 1 / 10, 1 / 3
SMALL_BYTES, LARGE_BYTES = 200, 16_384
CLIENTS, CLIENTS_OF_LARGE = 1000, 200
IN_FLIGHT, IN_FLIGHT_OF_LARGE = 32, 8
EVERYONE = (FLOOR, OURS, OURS_LOOP, NCHAN, STARLETTE, QUEUES, MERCURE)
DEEP_BYTES = {LARGE_BYTES: 15_800, 4096: 3_600}
"""For frames of ours so large, how long the path is to where files are made."""


def closed_loop(server: Server, setting: Setting, clients: int, frame_bytes: int, flight: int) -> Result:
    deep = DEEP_BYTES.get(frame_bytes, 0) if server.name in (OURS, OURS_LOOP) else 0
    options = ["--deep", str(deep)] if deep else []
    arguments = ["--clients", str(clients), "--frame", str(frame_bytes), "--flight", str(flight)]
    with (
        server.start(*options) as serving,
        Loading(setting.load, serving, *arguments, "--seconds", str(setting.seconds)) as loading,
    ):
        return loading.result()


def one_at_a_time(setting: Setting, server: Server) -> Sample:
    found = closed_loop(server, setting, setting.clients(CLIENTS), SMALL_BYTES, 1)
    told = found.told
    return {"us": found.cpu_us_each, "p50": told["p50_ms"], "p99": told["p99_ms"], "frame": told["frame"]}


def in_flight(setting: Setting, server: Server) -> Sample:
    found = closed_loop(server, setting, setting.clients(CLIENTS), SMALL_BYTES, IN_FLIGHT)
    each_s = found.told["seconds"] / found.told["delivered"]
    return {"ns": each_s * 1e9, "events": 1e-6 / each_s, "us": found.cpu_us_each, "frame": found.told["frame"]}


def large_ones(setting: Setting, server: Server) -> Sample:
    found = closed_loop(server, setting, setting.clients(CLIENTS_OF_LARGE), LARGE_BYTES, IN_FLIGHT_OF_LARGE)
    each_s = found.told["seconds"] / (found.told["bytes"] / 1e6)
    cpu_us = found.cpu_s * 1e6 / (found.told["bytes"] / 1e6)
    return {"us": each_s * 1e6, "mb": 1 / each_s, "cpu": cpu_us, "frame": found.told["frame"]}


def judge_one(what: str, samples: Samples) -> list[Verdict]:
    target = "µs of processor time for each event that a client is sent"
    return [
        times(what, samples, target, "us", BY_FLOOR, one=OURS, other=FLOOR),
        times(what, samples, target, "us", BY_NCHAN, one=OURS, other=NCHAN),
    ]


def judge_flight(what: str, samples: Samples) -> list[Verdict]:
    return [
        times(what, samples, "ns for each event that a client is sent", "ns", FLIGHT_BY_NCHAN, one=OURS, other=NCHAN)
    ]


def judge_large(what: str, samples: Samples) -> list[Verdict]:
    return [times(what, samples, "µs for each MB that clients are sent", "us", LARGE_BY_NCHAN, one=OURS, other=NCHAN)]


def one(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="fanout-one",
        what=f"{SMALL_BYTES} B to {setting.clients(CLIENTS)} clients, one at a time",
        measure="us",
        units={"us": "CPU µs", "p50": "p50 ms", "p99": "p99 ms", "frame": "bytes of it"},
        baseline=FLOOR,
        contestants=[row(each, partial(one_at_a_time, setting)) for each in servers(setting, *EVERYONE, END_TO_END)],
        judge=judge_one,
    )


def flight(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="fanout-flight",
        what=f"{SMALL_BYTES} B to {setting.clients(CLIENTS)} clients, {IN_FLIGHT} in flight",
        measure="ns",
        units={"ns": "ns", "events": "million/s", "us": "CPU µs", "frame": "bytes of it"},
        baseline=FLOOR,
        contestants=[row(each, partial(in_flight, setting)) for each in servers(setting, *EVERYONE)],
        judge=judge_flight,
    )


def large(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="fanout-large",
        what=f"{LARGE_BYTES} B to {setting.clients(CLIENTS_OF_LARGE)} clients, {IN_FLIGHT_OF_LARGE} in flight",
        measure="us",
        units={"us": "µs a MB", "mb": "MB/s", "cpu": "CPU µs a MB", "frame": "bytes of one"},
        baseline=FLOOR,
        contestants=[row(each, partial(large_ones, setting)) for each in servers(setting, *EVERYONE)],
        judge=judge_large,
    )
