"""What has changed since a clock: one file in 550,000 entries, by `GET /changes`.

Target: 2 ms of the server's time, which is what a request takes beyond one to `/healthz` on the same connection.
"""

from __future__ import annotations

import json
import statistics
from functools import partial
from pathlib import Path

from bench.fanout.serving import NotServedError
from bench.report import Verdict
from bench.rest.part import Setting
from bench.rest.serving import SCRATCH, Asking, Ours, changing
from bench.rounds import Sample, Samples
from bench.tables import Part, at_most

LIMIT_MS = 2.0
CHANGES, HEALTH, CLOCK = "/changes of one file", "/healthz", "/clock?sync=1, which it waits for"


def measured(setting: Setting, top: Path, row: str) -> Sample:
    """`own`: what a request takes beyond one to `/healthz` right after it."""
    found, own = list[float](), list[float]()
    with Ours(top) as serving, Asking(serving.port) as asking, changing(top) as change:
        change(0)
        since = asking.get("/clock?sync=1").clock
        for number in range(1, setting.requests + 1):
            change(number)
            synced = asking.get("/clock?sync=1")
            answer = asking.get(f"/changes?since={since}")
            paths = [each["path"] for each in json.loads(answer.body)["changes"]]
            if paths != [str(top / SCRATCH)]:
                raise NotServedError(f"/changes told {paths[:3]}, not the one file that had changed")
            health = asking.get("/healthz")
            found.append({CHANGES: answer, HEALTH: health, CLOCK: synced}[row].ms)
            own.append(found[-1] - health.ms)
            since = synced.clock
    return {"ms": statistics.median(found), "own": statistics.median(own)}


def judge(what: str, samples: Samples) -> list[Verdict]:
    return [at_most(what, samples, "ms beyond /healthz", CHANGES, "own", LIMIT_MS)]


def changes(setting: Setting) -> Part:
    """Raises MissingError."""
    top = setting.corpus(setting.large).path.resolve()
    return Part(
        name="rest-changes",
        what=f"{setting.large}, one file changed",
        measure="ms",
        units={"ms": "ms", "own": "ms beyond /healthz"},
        baseline=HEALTH,
        contestants=[setting.ours(row, partial(measured, setting, top, row)) for row in (CHANGES, HEALTH, CLOCK)],
        judge=judge,
    )
