"""The tree told: one that is at hand, against nginx with the same bytes as a file; and one that is encoded first.

Targets: 0.9 × the requests a second of nginx for a body of 1 MB; 4 million entries a second to encode, over HTTP too.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path
from time import perf_counter_ns, process_time_ns

from bench.fanout.serving import NotServedError
from bench.programs import debian_version, program
from bench.report import Verdict
from bench.rest.loading import load
from bench.rest.part import Setting
from bench.rest.serving import QTN1, Asking, Nginx, Ours, changing, entries
from bench.rounds import Contestant, Sample, Samples
from bench.tables import Part, at_most, times
from smarttree import qtn

OURS, NGINX = "smarttree", "nginx"
SERVED, CODEC = "smarttree, the first to ask", "its codec alone"
OF_NGINX, ENCODE_NS = 0.9, 250.0
TARGET = "/tree?mode=quantum"


def document(top: Path) -> bytes:
    """The snapshot of a tree, as it is served."""
    with Ours(top) as serving, Asking(serving.port) as asking:
        return asking.get(TARGET, QTN1).body


def loaded(setting: Setting, wrk: str, serving: Ours | Nginx, target: str) -> Sample:
    url = f"http://127.0.0.1:{serving.port}{target}"
    with Asking(serving.port) as asking:
        nbytes = len(asking.get(target, QTN1).body)
    found = load(wrk, serving, url, QTN1, connections=setting.connections, seconds=setting.seconds)
    each_us = 1e6 / found.per_second
    return {"us": each_us, "rate": found.per_second, "cpu": found.cpu_us, "mb": nbytes / each_us, "bytes": nbytes}


def warm_ours(setting: Setting, wrk: str, top: Path) -> Sample:
    with Ours(top) as serving:
        return loaded(setting, wrk, serving, TARGET)


def warm_nginx(setting: Setting, wrk: str, nginx: str, top: Path) -> Sample:
    body = document(top)
    with Nginx(nginx, body) as serving:
        with Asking(serving.port) as asking:
            if asking.get("/tree", QTN1).body != body:
                raise NotServedError("nginx sends other bytes than it was given")
        return loaded(setting, wrk, serving, "/tree")


def judge_warm(what: str, samples: Samples) -> list[Verdict]:
    target = f"µs a request of 1 MB ({OF_NGINX} × the requests a second)"
    return [times(what, samples, target, "us", round(1 / OF_NGINX, 3), one=OURS, other=NGINX)]


def warm(setting: Setting) -> Part:
    """Raises MissingError."""
    wrk, nginx = program("wrk"), program("nginx")
    top, versions = setting.corpus(setting.tree).path, f"{debian_version('nginx')}, asked by {debian_version('wrk')}"
    run = partial(warm_nginx, setting, wrk, nginx, top)
    return Part(
        name="rest-tree",
        what=f"{setting.tree}, /tree at hand, {setting.connections} connections",
        measure="us",
        units={"us": "µs a request", "rate": "requests/s", "cpu": "CPU µs", "mb": "MB/s", "bytes": "bytes"},
        baseline=NGINX,
        contestants=[
            setting.ours(OURS, partial(warm_ours, setting, wrk, top)),
            Contestant(name=NGINX, role="rival", version=versions, run=run),
        ],
        judge=judge_warm,
    )


def first_to_ask(setting: Setting, top: Path) -> Sample:
    """After a change each time, so that nothing is at hand: the tree is copied, encoded, and sent."""
    with Ours(top) as serving, Asking(serving.port) as asking, changing(top) as change:
        count, found, cpu = entries(asking), list[float](), list[float]()
        for number in range(setting.requests):
            change(number)
            asking.get("/clock?sync=1")
            before_s = serving.cpu_s()
            found.append(asking.get(TARGET, QTN1).ms * 1e6)
            cpu.append((serving.cpu_s() - before_s) * 1e9)
    return {"ns": statistics.median(found) / count, "cpu": statistics.median(cpu) / count}


def codec_alone(setting: Setting, top: Path) -> Sample:
    """The same tree, encoded by the library in this process."""
    tree, found, cpu = qtn.decode(document(top)).tree, list[float](), list[float]()
    (top_id,) = tree.roots()
    totals = tree.totals(top_id)
    for _ in range(setting.requests):
        start_ns, before_ns = perf_counter_ns(), process_time_ns()
        qtn.encode(tree, top_id)
        found.append(perf_counter_ns() - start_ns)
        cpu.append(process_time_ns() - before_ns)
    count = totals.files + totals.dirs
    return {"ns": statistics.median(found) / count, "cpu": statistics.median(cpu) / count}


def judge_encoded(what: str, samples: Samples) -> list[Verdict]:
    return [at_most(what, samples, "ns of processor time an entry", name, "cpu", ENCODE_NS) for name in (SERVED, CODEC)]


def encoded(setting: Setting) -> Part:
    """Raises MissingError."""
    top = setting.corpus(setting.large).path
    return Part(
        name="rest-encode",
        what=f"{setting.large}, /tree after a change",
        measure="ns",
        units={"ns": "ns an entry", "cpu": "CPU ns"},
        baseline=CODEC,
        contestants=[
            setting.ours(SERVED, partial(first_to_ask, setting, top)),
            setting.ours(CODEC, partial(codec_alone, setting, top)),
        ],
        judge=judge_encoded,
    )
