"""A server with a defect: `python planted.py DEFECT …` is `st …`, but each SIGUSR1 makes it go wrong once; with
`DEFECT:always` it does so whenever it can.

Law: for tests only, and nothing of the server knows of it: the defect is put over the finished program. So the mirror
test is shown to see what it is there for.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from smarttree._looks import Looks
from smarttree.cli import main
from smarttree.disk.linux import LinuxDirectory
from smarttree.plan import Plan
from smarttree.reconcile import Reconciliation
from smarttree.row import Row, kind_of
from smarttree.watch.base import Hints
from smarttree.watch.queue import QueueWatcher


class Trap:
    """Armed by the signal; `spring` is true once, or always."""

    def __init__(self, *, always: bool) -> None:
        self._armed = self._always = always
        signal.signal(signal.SIGUSR1, self._arm)

    def _arm(self, *_: object) -> None:
        self._armed = True
        os.write(2, b"the defect is armed\n")  # print is not safe where a signal may fall into another print

    def spring(self, occasion: object) -> bool:
        if self._armed and occasion:
            self._armed = self._always
            print("the defect has struck", file=sys.stderr, flush=True)
            return True
        return False


def drop_hint(trap: Trap) -> None:
    """One place that the kernel pointed to is forgotten."""
    drain = QueueWatcher.drain

    def dropping(self: QueueWatcher[Any], *, barrier: bool = True) -> Hints:
        hints = drain(self, barrier=barrier)
        if trap.spring(any(hints.names.values())):
            next(names for names in hints.names.values() if names).pop()
        return hints

    QueueWatcher.drain = dropping  # type: ignore[method-assign]


def over_plan(spoil: Callable[[Plan], object], occasion: Callable[[Plan], object], trap: Trap) -> None:
    plan_of = Reconciliation.plan

    def spoiling(self: Reconciliation) -> Plan:
        plan = plan_of(self)
        if trap.spring(occasion(plan)):
            spoil(plan)
        return plan

    Reconciliation.plan = spoiling  # type: ignore[method-assign]


def skip_rename(trap: Trap) -> None:
    """One entry is left where it was."""
    over_plan(lambda plan: plan.moves.popitem(), lambda plan: plan.moves, trap)


def falsify_size(trap: Trap) -> None:
    """One file is said to be a byte larger than it is."""
    look = LinuxDirectory.look

    def lying(self: LinuxDirectory, names: list[bytes]) -> Looks:
        rows = list(look(self, names))
        files = [index for index, row in enumerate(rows) if isinstance(row, Row) and kind_of(row.mode) == "file"]
        if trap.spring(files):
            row = rows[files[0]]
            assert isinstance(row, Row)
            rows[files[0]] = row._replace(size=row.size + 1)
        return Looks(rows)

    LinuxDirectory.look = lying  # type: ignore[method-assign]


DEFECTS: dict[str, Callable[[Trap], None]] = {
    "drop-hint": drop_hint,
    "skip-rename": skip_rename,
    "falsify-size": falsify_size,
}

if __name__ == "__main__":
    defect, _, often = sys.argv[1].partition(":")
    DEFECTS[defect](Trap(always=often == "always"))
    sys.exit(main(sys.argv[2:]))
