"""Compacted answers: what brings a client up to date whose batches are gone, made once for all who come with its clock.

Law: bounded in number and in bytes; who comes when that is used up is sent the shared tree. Pure but for its cache,
which one thread at a time uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from smarttree.stream.batch import Batch
from smarttree.stream.classes import LaneKey
from smarttree.stream.log import Log

ANSWERS_MAX: Final = 256  # where little is kept, eight clients come back with 64 clocks in three seconds
ANSWERS_BYTES: Final = 32 << 20
KEPT_S: Final = 5.0  # who lost the same connection comes back within three seconds
TAIL_BYTES: Final = 64 << 10  # so much may follow an answer before another one is made


@dataclass(slots=True)
class Answer:
    """`batch` leads from `seq` to a recent clock; None: there is no such batch, and that is known, too. `rendered`: by
    class.
    """

    seq: int
    batch: Batch | None
    made_s: float
    rendered: dict[LaneKey, bytes] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        return (self.batch.nbytes if self.batch is not None else 0) + sum(map(len, self.rendered.values()))


class Answers:
    """By the clock that clients come with."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._answers: dict[int, Answer] = {}

    def get(self, seq: int, now_s: float) -> Answer | None:
        """One whose batch is followed by what the log retains, and not by much."""
        self._retire(now_s)
        answer = self._answers.get(seq)
        if answer is not None and answer.batch is not None:
            tail = self._log.cost_after(answer.batch.to_seq)
            if tail is None or tail > max(TAIL_BYTES, len(answer.batch.data) // 2):
                del self._answers[seq]
                return None
        return answer

    def has_room(self) -> bool:
        """Whether one more may be made."""
        return len(self._answers) < ANSWERS_MAX and self.has_bytes()

    def has_bytes(self) -> bool:
        """Whether one more may be rendered."""
        return sum(each.nbytes for each in self._answers.values()) < ANSWERS_BYTES

    def put(self, answer: Answer) -> None:
        self._answers[answer.seq] = answer

    def _retire(self, now_s: float) -> None:
        for seq, answer in list(self._answers.items()):
            if now_s - answer.made_s > KEPT_S:
                del self._answers[seq]
