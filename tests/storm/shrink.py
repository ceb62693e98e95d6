"""Replaying steps one after the other against a fresh server, and finding the fewest that still break the law.

Law: a replay starts from an empty directory and a new process, so that steps alone decide. Also a program: `python -m
tests.storm.shrink FILE` replays the steps in a file, such as a failed storm leaves behind.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic

from spec.qtn1 import QtnError
from spec.qtn1_mirror import OutOfStep
from tests.integration.process import SERVE, Process
from tests.storm.perform import perform
from tests.storm.steps import Step, parse
from tests.storm.witness import Witnesses

SYNC = Step("sync", b"")


def replay(
    steps: Sequence[Step], flags: Sequence[str] = (), command: Sequence[str] = SERVE, *, changes: bool = True
) -> str | None:
    """What is wrong after these steps, or at one of their `sync`s; None if nothing is."""
    with tempfile.TemporaryDirectory(prefix="smarttree-replay-", ignore_cleanup_errors=True) as path:
        root = Path(path, "root")
        root.mkdir()
        with Process(root, *flags, command=command) as server:
            try:
                server.await_ready()
                with closing(Witnesses(server.url, root, changes=changes)) as witnesses:
                    _run(steps, root, witnesses)
            except (AssertionError, QtnError, OutOfStep, ConnectionError, TimeoutError, KeyError) as error:
                return f"{type(error).__name__}: {error}\n{server.log()}"
    return None


def _run(steps: Sequence[Step], root: Path, witnesses: Witnesses) -> None:
    home = os.getcwd()
    os.chdir(root)
    try:
        for number, step in enumerate([*steps, SYNC]):
            if step == SYNC:
                witnesses.look(f"step {number}")
            else:
                perform(step)
    finally:
        os.chdir(home)


def shrink(
    steps: list[Step],
    flags: Sequence[str] = (),
    command: Sequence[str] = SERVE,
    *,
    within_s: float = 60.0,
    changes: bool = True,
) -> list[Step] | None:
    """The fewest steps found in that time that still go wrong, one by one; None if even all of them don't.

    Delta debugging: ever smaller parts are left out, as long as what is left goes wrong.
    """
    deadline = monotonic() + within_s
    if replay(steps, flags, command, changes=changes) is None:
        return None
    parts = 2
    while len(steps) > 1 and monotonic() < deadline:
        size = -(-len(steps) // parts)
        for start in range(0, len(steps), size):
            left = steps[:start] + steps[start + size :]
            if monotonic() > deadline or replay(left, flags, command, changes=changes) is not None:
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(steps))
            continue
        if monotonic() > deadline:
            break
        steps, parts = left, max(2, parts - 1)
    return steps


if __name__ == "__main__":
    read = [parse(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    print(replay(read, sys.argv[2:]) or "nothing is wrong")
