"""What is in the files, and how they are called: `GET /search`, against ripgrep and find over the same trees.

Targets: a literal over at least 30,000 warm files at 1.5 × ripgrep's speed; a name among 550,000 entries in 20 ms.
All must have found the same.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from bench.fanout.serving import NotServedError
from bench.programs import debian_version, program, timed
from bench.report import Verdict
from bench.rest.part import Setting
from bench.rest.serving import Asking, Ours
from bench.rounds import Contestant, Sample, Samples
from bench.tables import Part, at_most, times

OF_RIPGREP, NAME_MS, FILES_MIN = 1.5, 20.0, 30_000
LITERAL, NAME = "kmalloc_array", "store_view7"
NDJSON = "application/x-ndjson"
CONTENT, RIPGREP = "/search", "ripgrep"
NAMES, FIND = "/search, in=name", "find -name"
LIMIT = 100_000


def matches(lines: Iterable[bytes]) -> int:
    """How many lines match, of ripgrep's envelope."""
    return sum(json.loads(line)["type"] == "match" for line in lines if line)


def ripgrep_command(ripgrep: str) -> list[str]:
    """Everything below, as we search: no rule files, hidden ones too, and no settings of whoever runs it."""
    return [
        ripgrep,
        "--no-config",
        "--json",
        "--no-ignore",
        "--hidden",
        "--fixed-strings",
        "--smart-case",
        LITERAL,
        ".",
    ]


def content(setting: Setting, top: Path, wanted: int) -> Sample:
    found, target = list[float](), f"/search?q={LITERAL}&limit={LIMIT}"
    with Ours(top) as serving, Asking(serving.port) as asking:
        files = int(json.loads(asking.get("/stats").body)["files"])
        if files < FILES_MIN:
            raise NotServedError(f"{files} files are too few")
        for number in range(setting.requests + 1):
            answer = asking.get(target, NDJSON)
            got = matches(answer.body.splitlines())
            if got != wanted:
                raise NotServedError(f"/search found {got} lines, ripgrep {wanted}")
            if number:  # the first has everyone's pages warmed
                found.append(answer.ms)
    return {"ms": statistics.median(found)}


def ripgrep_content(setting: Setting, ripgrep: str, top: Path) -> Sample:
    runs = [timed(ripgrep_command(ripgrep), top).wall_ns / 1e6 for _ in range(setting.requests + 1)]
    return {"ms": statistics.median(runs[1:])}


def judge_content(what: str, samples: Samples) -> list[Verdict]:
    target = f"ms for a literal ({OF_RIPGREP} × the speed)"
    return [times(what, samples, target, "ms", round(1 / OF_RIPGREP, 3), one=CONTENT, other=RIPGREP)]


def search(setting: Setting) -> Part:
    """Raises MissingError."""
    ripgrep, top = program("rg"), setting.corpus(setting.sources).path
    by_ripgrep = subprocess.run(ripgrep_command(ripgrep), cwd=top, check=True, capture_output=True).stdout
    wanted = matches(by_ripgrep.splitlines())
    run = partial(ripgrep_content, setting, ripgrep, top)
    return Part(
        name="rest-search",
        what=f"{setting.sources}, {wanted} lines with a literal",
        measure="ms",
        units={"ms": "ms"},
        baseline=RIPGREP,
        contestants=[
            setting.ours(CONTENT, partial(content, setting, top, wanted)),
            Contestant(name=RIPGREP, role="rival", version=debian_version("ripgrep"), run=run),
        ],
        judge=judge_content,
    )


def name(setting: Setting, top: Path, wanted: int) -> Sample:
    found = list[float]()
    with Ours(top) as serving, Asking(serving.port) as asking:
        for _ in range(setting.requests):
            answer = asking.get(f"/search?in=name&q={NAME}&limit={LIMIT}")
            got = len(json.loads(answer.body)["matches"])
            if got != wanted:
                raise NotServedError(f"/search found {got} names, find {wanted}")
            found.append(answer.ms)
    return {"ms": statistics.median(found)}


def find_command(find: str) -> list[str]:
    return [find, ".", "-mindepth", "1", "-iname", f"*{NAME}*"]


def find_name(setting: Setting, find: str, top: Path) -> Sample:
    return {"ms": statistics.median(timed(find_command(find), top).wall_ns / 1e6 for _ in range(setting.requests))}


def judge_name(what: str, samples: Samples) -> list[Verdict]:
    return [at_most(what, samples, "ms for a name", NAMES, "ms", NAME_MS)]


def names(setting: Setting) -> Part:
    """Raises MissingError."""
    find, top = program("find"), setting.corpus(setting.large).path
    wanted = len(subprocess.run(find_command(find), cwd=top, check=True, capture_output=True).stdout.splitlines())
    run = partial(find_name, setting, find, top)
    return Part(
        name="rest-names",
        what=f"{setting.large}, {wanted} names",
        measure="ms",
        units={"ms": "ms"},
        baseline=FIND,
        contestants=[
            setting.ours(NAMES, partial(name, setting, top, wanted)),
            Contestant(name=FIND, role="rival", version=debian_version("findutils"), run=run),
        ],
        judge=judge_name,
    )
