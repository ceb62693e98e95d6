"""A storm against a server, and its witnesses: round after round, with a look at the disk after each.

Law: what is found wrong is found again if that can be: it comes with its seed, and with the fewest steps that show it.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from spec.qtn1 import QtnError
from spec.qtn1_mirror import OutOfStep
from tests.integration.process import SERVE, Process
from tests.storm.perform import perform
from tests.storm.shrink import shrink
from tests.storm.steps import Step, growth
from tests.storm.team import Team
from tests.storm.witness import CutFollower, LawBroken, SlowFollower, Witnesses

BREACHES = (AssertionError, QtnError, OutOfStep, ConnectionError, TimeoutError, KeyError)
"""What a witness may raise when something is wrong: the law itself, or because the stream makes no sense any more."""

FLAGS: tuple[tuple[str, ...], ...] = (
    ("--batch-ms", "5"),
    ("--batch-ms", "0", "--batch-max-bytes", "4K", "--watcher", "inotify"),
    ("--batch-ms", "50", "--scan-threads", "1"),
    ("--batch-ms", "1", "--scan-threads", "1", "--watcher", "inotify"),
)
"""Half of them leave the choice of the watcher to the server: fanotify where it may."""


@dataclass(kw_only=True)
class Plan:
    """What is to be done: `rounds` with `steps` of each of the `workers`; and who looks on."""

    seed: int
    rounds: int
    steps: int
    workers: int = 3
    cutters: int = 0
    slow: int = 0
    changes: bool = True  # whether to follow those too who live on changes
    flags: Sequence[str] = FLAGS[0]
    command: Sequence[str] = SERVE
    root: Path | None = None  # a tree that is there; else one is grown from the seed
    shrink_s: float = 60.0
    logs: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="smarttree-storm-")))


@dataclass
class Outcome:
    """What happened, as numbers."""

    steps: int = 0
    done: int = 0
    looks: int = 0
    batches: int = 0
    digests: int = 0
    entries: int = 0
    cuts: int = 0
    inside: int = 0
    closed: int = 0  # by the server, which it may where a client is slow or too little is kept
    rebases: int = 0
    compacted: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def campaign(plan: Plan) -> Outcome:
    """Raises LawBroken, with the seed and, where it can be replayed, the shrunk steps. Logs are kept only then."""
    root = plan.root or plan.logs / "root"
    if plan.root is None:
        root.mkdir()
        grow(root, plan.seed)
    outcome = Outcome()
    crew = Team(root, plan.logs, seed=plan.seed, workers=plan.workers)
    with crew as team, Process(root, *plan.flags, command=plan.command) as server:
        try:
            _rage(plan, server, root, team, outcome)
        except BREACHES as error:
            raise LawBroken(explain(plan, error, team.history()) + "\n" + server.log()[-2000:]) from error
        trouble = server.log().find("Traceback")
        if trouble >= 0:
            raise LawBroken(f"{_told(plan)}: the server says\n{server.log()[trouble : trouble + 4000]}")
    shutil.rmtree(plan.logs)
    return outcome


def grow(root: Path, seed: int) -> None:
    for step in growth(seed):
        perform(step._replace(path=bytes(root) + b"/" + step.path))


def _rage(plan: Plan, server: Process, root: Path, team: Team, outcome: Outcome) -> None:
    server.await_ready()
    dice = random.Random(f"clients {plan.seed}")
    with closing(Witnesses(server.url, root, changes=plan.changes)) as witnesses:
        url = f"{server.url}/events"
        cutters = [CutFollower(url, random.Random(dice.random())) for _ in range(plan.cutters)]
        slow = [SlowFollower(url) for _ in range(plan.slow)]
        witnesses.clients += [*cutters, *slow]
        for number in range(plan.rounds):
            team.start(plan.steps)
            while team.is_busy():
                witnesses.follow()
            witnesses.look(f"round {number}")
            outcome.looks += 1
            outcome.cuts, outcome.inside = sum(c.cuts for c in cutters), sum(c.inside for c in cutters)
            outcome.rebases = sum(client.rebases for client in witnesses.everyone)
            outcome.compacted = sum(client.compacted for client in witnesses.everyone)
            outcome.closed = sum(client.closed for client in witnesses.everyone)
            outcome.steps, outcome.done = team.steps, team.done
            outcome.batches, outcome.digests = witnesses.batches, witnesses.digests
            outcome.entries = witnesses.entries


def _told(plan: Plan) -> str:
    return f"seed {plan.seed}, {plan.workers} workers, {plan.rounds} rounds of {plan.steps}, {' '.join(plan.flags)}"


def explain(plan: Plan, error: BaseException, history: list[Step]) -> str:
    """What to tell of a breach, and what to replay."""
    complaint = f"{type(error).__name__}: {error}\n{_told(plan)}\nlogs: {plan.logs}"
    if plan.root is not None:
        return complaint + "\n(on a tree that was there before: not replayed)"
    short = shrink(
        [*growth(plan.seed), *history], plan.flags, plan.command, within_s=plan.shrink_s, changes=plan.changes
    )
    if short is None:
        return complaint + f"\n{len(history)} steps one after the other do not show it: it takes two at a time"
    (plan.logs / "shrunk").write_text("".join(step.line() + "\n" for step in short), encoding="utf-8")
    lines = "\n".join(f"    {step.line()}" for step in short[:60])
    return f"{complaint}\n{len(history)} steps shrunk to {len(short)}, in {plan.logs}/shrunk:\n{lines}"
