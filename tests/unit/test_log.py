"""The log: consecutive batches, `after` from any retained clock, bounds by bytes and by age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smarttree._traces import Traces
from smarttree.stream.batch import Batch, Change, Changes
from smarttree.stream.log import Log
from smarttree.tree import Totals

SECOND_NS = 1_000_000_000


def batch(seq: int, *, time_ns: int = 0, data: bytes = b"") -> Batch:
    return Batch(seq - 1, seq, time_ns, data, Changes(), 0, Totals(0, 0, 0), False)


def log_of(count: int, *, retention_bytes: int = 1 << 30, retention_s: float = 1e9) -> Log:
    log = Log(0, retention_bytes=retention_bytes, retention_s=retention_s)
    for seq in range(1, count + 1):
        log.append(batch(seq, time_ns=seq * SECOND_NS))
    return log


def seqs(batches: list[Batch] | None) -> list[int] | None:
    return None if batches is None else [each.to_seq for each in batches]


def test_a_new_log_stands_at_its_seq() -> None:
    log = Log(7, retention_bytes=1, retention_s=1)
    assert (log.head, log.oldest) == (7, 7)
    assert log.after(7) == []
    assert log.after(6) is None
    assert log.after(8) is None


def test_after_gives_exactly_what_follows() -> None:
    log = log_of(5)
    assert [seqs(log.after(seq)) for seq in range(-1, 7)] == [
        None,
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5],
        [3, 4, 5],
        [4, 5],
        [5],
        [],
        None,
    ]
    assert seqs(log.after(1, limit=2)) == [2, 3]
    assert seqs(log.after(5, limit=0)) == []


@pytest.mark.parametrize(("first", "last"), [(0, 2), (1, 3), (0, 1), (2, 3)])
def test_a_batch_that_does_not_follow_is_refused(first: int, last: int) -> None:
    log = log_of(1)
    with pytest.raises(ValueError, match="does not follow 1"):
        log.append(Batch(first, last, 0, b"", Changes(), 0, Totals(0, 0, 0), False))
    assert log.head == 1


def test_old_batches_go_when_a_newer_one_comes() -> None:
    log = log_of(10, retention_s=3.0)
    assert (log.oldest, log.head) == (6, 10)
    assert log.after(5) is None
    assert seqs(log.after(6)) == [7, 8, 9, 10]


def test_bytes_are_bounded_but_the_newest_is_kept() -> None:
    cost = batch(1).nbytes
    log = log_of(10, retention_bytes=3 * cost)
    assert seqs(log.after(log.oldest)) == [8, 9, 10]
    log.append(batch(11, time_ns=11 * SECOND_NS, data=bytes(100 * cost)))
    assert seqs(log.after(10)) == [11]
    assert log.oldest == 10


def test_cost_after_is_the_sum_of_what_follows() -> None:
    log = log_of(4)
    cost = batch(1).nbytes
    assert [log.cost_after(seq) for seq in (-1, 0, 3, 4, 5)] == [None, 4 * cost, cost, 0, None]


def test_a_batch_costs_its_bytes() -> None:
    small = Change("modified", b"/r/a", None, "file", 1, b"delta", 1)
    renamed = small._replace(type="renamed", old_path=b"/r/" + b"b" * 1000)
    one, two = (Batch(0, 1, 0, b"", Changes([it]), 0, Totals(0, 0, 0), False) for it in (small, renamed))
    assert two.nbytes - one.nbytes >= 1000
    assert one.nbytes == batch(1).nbytes + one.changes.nbytes


# --- the horizon ----------------------------------------------------------------------------------------------------


class Kept:
    """A store that an earlier run has left, of which the clocks from 3 to 9 are still there."""

    head, oldest = 9, 3

    def append(self, batch: Batch, horizon: int) -> None:
        self.head, self.oldest = batch.to_seq, batch.to_seq - 4

    def read(self, seq: int, limit: int) -> list[Batch]:
        return []

    def bytes_after(self, seq: int) -> int:
        return 0


def traced(seq: int) -> Batch:
    return replace(batch(seq), traces=Traces())


def test_what_was_touched_is_remembered_longer_than_there_are_batches() -> None:
    log = Log(0, retention_bytes=1, retention_s=1e9)
    for seq in range(1, 9):
        log.append(traced(seq))
    assert (log.horizon, log.oldest) == (0, 7)
    assert log.remembered(0, 9) == ([], {})
    assert log.remembered(-1, 9) is None
    assert log.remembered(9, 9) is None
    log.append(batch(9))  # of which nobody knows what it touched
    assert (log.horizon, log.oldest) == (8, 8)
    assert log.remembered(8, 9) is None


def test_after_a_restart_nothing_is_remembered_beyond_the_log_until_that_has_moved_past_it() -> None:
    log, store = Log(0, retention_bytes=1 << 20, retention_s=1e9), Kept()
    log.keep_in(store)
    assert (log.horizon, log.oldest) == (3, 3)
    for seq in range(10, 20):
        log.append(traced(seq))
        assert log.horizon == min(log.oldest, 9)
    assert (log.horizon, log.oldest) == (9, 15)
    log.keep_in(None)  # a new epoch, in memory
    assert log.horizon == log.oldest == 19
