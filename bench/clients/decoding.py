"""A snapshot decoded by each client library, against the server's JSON of the same tree by the language's own parser.

Law: both are in memory before, and decoded in turn by one process, which times itself: `build/clients/LANGUAGE/bench`.
Targets: 5 × the speed of JSON in Python, Rust and Go, 2 × in JavaScript.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench.clients.part import Setting
from bench.machine import ROOT
from bench.programs import MissingError
from bench.report import Verdict
from bench.rest.serving import QTN1, Asking, Ours, entries
from bench.rounds import Contestant, Sample, Samples, ratios
from bench.tables import Part

TIMES_JSON = {"python": 5.0, "rust": 5.0, "go": 5.0, "js": 2.0}
ROUNDS = 3  # within one process, of which the median counts


class Pair:
    """One library's two rows, measured by one run of its program: `qtn`, and then `json` of the same run."""

    def __init__(self, language: str, folder: Path) -> None:
        self._program = ROOT / "build" / "clients" / language / "bench"
        if not self._program.exists():
            raise MissingError(f"{self._program.relative_to(ROOT)} is missing: run `make -C clients/{language} bench`")
        self._folder = folder
        self._json: Sample = {}

    def qtn(self) -> Sample:
        documents = self._folder / "tree.qtn", self._folder / "tree.json"
        command = [str(self._program), *map(str, documents), str(ROUNDS)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        count = told["entries"]
        qtn, text = (path.stat().st_size / count for path in documents)
        self._json = {"ns": statistics.median(told["json_s"]) * 1e9 / count, "bytes": text}
        return {"ns": statistics.median(told["qtn_s"]) * 1e9 / count, "bytes": qtn}

    def json(self) -> Sample:
        return self._json


def fetched(top: Path, folder: Path) -> int:
    """Both documents, as the server tells them; how many entries there are."""
    with Ours(top) as serving, Asking(serving.port) as asking:
        (folder / "tree.qtn").write_bytes(asking.get("/tree?mode=quantum", QTN1).body)
        (folder / "tree.json").write_bytes(asking.get("/tree?mode=json", "application/json").body)
        return entries(asking)


def judge(what: str, samples: Samples) -> list[Verdict]:
    """As a share of JSON's time."""
    return [
        Verdict(
            target=f"of the time that JSON takes in {language}",
            tree=what,
            value=ratios(samples[f"{language}, QTN1"]["ns"], samples[f"{language}, JSON"]["ns"]).median,
            limit=round(1 / times, 2),
        )
        for language, times in TIMES_JSON.items()
    ]


def decoding(setting: Setting) -> Part:
    """Raises MissingError, NotServedError."""
    held = tempfile.TemporaryDirectory()
    folder = Path(held.name)
    count = fetched(setting.tree.path, folder)
    contestants = list[Contestant]()
    for language in TIMES_JSON:
        pair = Pair(language, folder)
        contestants.append(setting.ours(f"{language}, QTN1", pair.qtn))
        contestants.append(Contestant(name=f"{language}, JSON", role="rival", version=language, run=pair.json))
    return Part(
        name="clients-decoding",
        what=f"{setting.tree.name}, {count:,} entries",
        measure="ns",
        units={"ns": "ns an entry", "bytes": "bytes an entry"},
        baseline="python, JSON",
        contestants=contestants,
        judge=judge,
        kept=held,
    )
