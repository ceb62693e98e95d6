"""What clients cost while nothing happens, and what it takes when they come back all the time.

Targets: 512 bytes of the server's memory for each of 5,000 idle clients; 10,000 reconnects at random, with events going
on, and none is missed, told twice or falsified.
"""

from __future__ import annotations

from functools import partial

from bench.fanout.cost import EVERYONE, SMALL_BYTES
from bench.fanout.loading import Loading, settled_bytes
from bench.fanout.part import FLOOR, OURS, OURS_LOOP, Server, Setting, row, servers
from bench.report import Verdict
from bench.rounds import Sample, Samples
from bench.tables import Part, at_most, worst

IDLE_BYTES = 512
CLIENTS, CLIENTS_BEFORE, CLIENTS_OF_STORM, PER_SECOND = 5000, 100, 1000, 50


def idling(setting: Setting, server: Server) -> Sample:
    """Above what the server holds once a hundred clients have come and gone: what it makes but once is not theirs."""
    few, many = setting.clients(CLIENTS_BEFORE), setting.clients(CLIENTS)
    with server.start() as serving:
        with Loading(setting.load, serving, "--clients", str(few), "--idle"):
            settled_bytes(serving)
        before = settled_bytes(serving)
        with Loading(setting.load, serving, "--clients", str(many), "--idle"):
            held = settled_bytes(serving) - before
    return {"bytes": max(0.0, held / many)}


def storming(setting: Setting, server: Server) -> Sample:
    arguments = ["--clients", str(setting.clients(CLIENTS_OF_STORM)), "--frame", str(SMALL_BYTES)]
    arguments += ["--rate", str(PER_SECOND), "--reconnects", str(setting.reconnects)]
    with server.start() as serving, Loading(setting.load, serving, *arguments) as loading:
        found = loading.result(forgiven=True)
    told = found.told
    return {
        "missed": told["missed"],
        "wrong": told["repeated"] + told["falsified"],
        "cut": told["closed"],
        "reconnects": told["reconnects"],
        "p99": told["reopen_p99_ms"],
        "us": found.cpu_s * 1e6 / max(1.0, told["reconnects"]),
    }


def judge_idle(what: str, samples: Samples) -> list[Verdict]:
    return [at_most(what, samples, "bytes of memory for each idle client", OURS, "bytes", IDLE_BYTES)]


def judge_storm(what: str, samples: Samples) -> list[Verdict]:
    return [
        worst(what, samples, f"{said}, of clients that came back", name, measure, 0)
        for name in (OURS, OURS_LOOP)
        for said, measure in (("events missed", "missed"), ("told twice or falsified", "wrong"), ("cut off", "cut"))
    ]


def idle(setting: Setting) -> Part:
    """Raises MissingError."""
    return Part(
        name="fanout-idle",
        what=f"{setting.clients(CLIENTS)} clients and no event",
        measure="bytes",
        units={"bytes": "bytes a client"},
        baseline=FLOOR,
        contestants=[row(each, partial(idling, setting)) for each in servers(setting, *EVERYONE)],
        judge=judge_idle,
    )


def storm(setting: Setting) -> Part:
    """Ours alone: that a rival resumes is no promise of ours. Raises MissingError."""
    return Part(
        name="fanout-storm",
        what=f"{setting.reconnects} reconnects of {setting.clients(CLIENTS_OF_STORM)} clients, {PER_SECOND} events/s",
        measure="us",
        units={
            "missed": "missed",
            "wrong": "wrong",
            "cut": "cut off",
            "reconnects": "came back",
            "p99": "back after, p99 ms",
            "us": "CPU µs for each",
        },
        baseline=OURS,
        contestants=[row(each, partial(storming, setting)) for each in servers(setting, OURS, OURS_LOOP)],
        judge=judge_storm,
    )
