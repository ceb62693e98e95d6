"""The tree in figures: `/stats`, and the modes `stats` and `summary-ai`, of 550,000 entries, when nothing is at hand.

Target: 20 ms from the request to the last byte. Beside them, what one would do otherwise: go through the disk.
"""

from __future__ import annotations

import json
import statistics
from functools import partial
from pathlib import Path

from bench.programs import debian_version, program, timed
from bench.report import Verdict
from bench.rest.part import Setting
from bench.rest.serving import Asking, Ours, changing
from bench.rounds import Contestant, Sample, Samples
from bench.tables import Part, at_most

LIMIT_MS = 20.0
ROWS = {
    "/stats": "/stats?path={path}",
    "mode stats": "/tree?mode=stats&path={path}",
    "mode summary-ai": "/tree?mode=summary-ai&path={path}",
}
FIND = "find -printf, the same facts"


def below(asking: Asking) -> str:
    """The directory right below the root that has most bytes."""
    return str(json.loads(asking.get("/stats").body)["by_directory"][0]["path"])


def told(setting: Setting, top: Path, target: str) -> Sample:
    """`first`: the first to ask after a change. `again`: of a clock that others have asked about, but not this.
    `part`: of a directory, after a change.
    """
    first, again, part = list[float](), list[float](), list[float]()
    with Ours(top) as serving, Asking(serving.port) as asking, changing(top) as change:
        directory = below(asking)
        for number in range(setting.requests):
            change(3 * number)
            asking.get("/clock?sync=1")
            first.append(asking.get(target.format(path="/")).ms)
            change(3 * number + 1)
            asking.get("/clock?sync=1")
            asking.get("/tree?mode=digest")
            again.append(asking.get(target.format(path="/")).ms)
            change(3 * number + 2)
            asking.get("/clock?sync=1")
            part.append(asking.get(target.format(path=directory)).ms)
    return {"ms": statistics.median(first), "again": statistics.median(again), "part": statistics.median(part)}


def found(find: str, top: Path) -> Sample:
    run = timed([find, ".", "-printf", "%y %s %T@ %p\\n"], top)
    return {"ms": run.wall_ns / 1e6, "again": run.wall_ns / 1e6, "part": run.wall_ns / 1e6}


def judge(what: str, samples: Samples) -> list[Verdict]:
    return [
        at_most(what, samples, f"ms, {how}", name, measure, LIMIT_MS)
        for name in ROWS
        for how, measure in (("after a change", "ms"), ("of a clock at hand", "again"), ("of a part", "part"))
    ]


def figures(setting: Setting) -> Part:
    """Raises MissingError."""
    top, find = setting.corpus(setting.large).path, program("find")
    ours = [setting.ours(name, partial(told, setting, top, target)) for name, target in ROWS.items()]
    version = debian_version("findutils")
    rival = Contestant(name=FIND, role="rival", version=version, run=partial(found, find, top))
    return Part(
        name="rest-figures",
        what=f"{setting.large}, in figures",
        measure="ms",
        units={"ms": "ms after a change", "again": "ms at a clock at hand", "part": "ms of a directory"},
        baseline="/stats",
        contestants=[*ours, rival],
        judge=judge,
    )
