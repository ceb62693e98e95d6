"""A client that is not ours, as a program that prints what it is told: one JSON object a line.

`{"event", "data", "id"}` is an event, with the id in force after it; `{"lost": why}`, that the connection has ended.
Law: a batch is held until the message that has its clock for an id, and dropped if the connection ends first. What is
then committed leads, clock by clock, without a gap, a repetition or a new tree, from the opening to what is there.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from copy import deepcopy
from time import monotonic
from typing import Any, Self

from spec.qtn1 import decode_batch, decode_snapshot, from_text
from spec.qtn1_mirror import Mirror
from tests.integration.consumers import ByDeltas

DEADLINE_S = 30.0
QUERY = "?events=tree,change,quantum,message"  # stats stand between batches, and belong to none


class Foreign:
    """The program, and what it has committed. As a context, it is dead when that ends."""

    def __init__(self, command: Sequence[str], url: str, directory: str) -> None:
        self.ids: list[str] = []
        self.lost: list[str] = []
        self.mirror = Mirror()
        self.by_deltas = ByDeltas(Mirror())
        self._held: list[dict[str, str]] = []
        self._rest = b""
        self._popen = subprocess.Popen(
            [*command, url + QUERY],
            stdout=subprocess.PIPE,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": directory},
            start_new_session=True,
        )

    def until(self, clock: str) -> None:
        """Takes what is printed until this clock is committed."""
        deadline = monotonic() + DEADLINE_S
        while not self.ids or self.ids[-1] != clock:
            self._take(json.loads(self._line(deadline)))

    def _line(self, deadline: float) -> bytes:
        assert self._popen.stdout is not None
        pipe = self._popen.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([pipe], [], [], max(0.0, deadline - monotonic()))[0]:
                raise TimeoutError(f"nothing more came; ids {self.ids[-3:]}, lost {self.lost[-3:]}, held {self._held}")
            more = os.read(pipe, 1 << 20)
            if not more:
                raise EOFError("the client has ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _take(self, told: dict[str, str]) -> None:
        if "lost" in told:
            self.lost.append(told["lost"])
            self._held.clear()
        elif told["data"]:  # without, it is no event: some packages hand on a `retry:` or an id alone
            self._held.append(told)
            if told["event"] in ("message", ""):
                self._commit(json.loads(told["data"]), told["id"])
                self._held.clear()

    def _told(self, event: str) -> list[Any]:
        datas = [told["data"] for told in self._held if told["event"] == event]
        return datas if event == "quantum" else [json.loads(data) for data in datas]

    def _commit(self, message: dict[str, Any], clock: str) -> None:
        assert message["clock"] == clock, "the client has another id than the message says"
        trees, batches = self._told("tree"), [decode_batch(from_text(text)) for text in self._told("quantum")]
        assert bool(trees) == (not self.ids), f"a tree anew at {clock}: {[tree['reason'] for tree in trees]}"
        assert len(batches) == (not trees), f"{len(batches)} batches for {clock}"
        if trees:
            self.mirror.replace([decode_snapshot(from_text(tree["compressed"])) for tree in trees])
            self.by_deltas = ByDeltas(deepcopy(self.mirror))
        for batch in batches:
            assert self.ids[-1] == f"{batch.epoch:016x}-{batch.from_seq}", f"a gap, or a repetition, before {clock}"
            assert clock == f"{batch.epoch:016x}-{batch.to_seq}"
            assert self.mirror.apply(batch)
        for change in self._told("change"):
            self.by_deltas.take(change)
        assert message["digest"] == f"{self.mirror.service_digest:032x}"
        self.ids.append(clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.communicate()
