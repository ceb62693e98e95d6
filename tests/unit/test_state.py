"""Laws of the state directory: what is found at the start is the very tree that was told last, and where that can't be
known, the epoch ends. A seq is never issued twice with two meanings.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from smarttree._store import free_ids
from smarttree.clock import Clock
from smarttree.commits import Commits
from smarttree.config import StateConfig
from smarttree.errors import StateDamaged, StateInUse
from smarttree.ledger import Ledger, Limits
from smarttree.plan import Plan
from smarttree.state import place as place_module
from smarttree.state.recovery import Recovered
from smarttree.state.snapshot import decode_tree, encode_tree
from smarttree.state.store import Store
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Criteria
from smarttree.stream.classes import LaneKey
from smarttree.stream.log import Log
from smarttree.stream.replay import Replay
from smarttree.tree import SERVICE_ID, Tree
from tests.trees import ROOT_PATH, Forest, evolved, made_routine, plan_between, random_forest

EPOCH = 0xABCD
NAMES = [b"a", b"b", b"c", b"dd.txt", b"\xff\n"]


def store_in(directory: Path, **settings: float) -> Store:
    retention = {"retention_bytes": 1 << 20, "retention_s": 1e6} | settings
    return Store(StateConfig(directory=os.fsencode(directory), fsync_s=0.0), **retention)  # type: ignore[arg-type]


class Life:
    """A tree that changes at random, and is told and kept. `end` is a crash: nothing is said to anyone."""

    def __init__(self, directory: Path, seed: int, **settings: float) -> None:
        self.dice, self.directory = Random(seed), directory
        self._kinds = [self.dice.random() < 0.5 for _ in range(20)]
        self.forest = random_forest(self.dice, self._kinds, NAMES)
        self.tree = self.forest.tree(21)
        self.log = Log(1, retention_bytes=1 << 20, retention_s=1e6)
        self.time_ns = 0
        activity, limits = Activity([ROOT_PATH]), Limits(1 << 20, 4)
        self.commits = Commits(self.tree, Ledger(self.tree), self.log, activity, EPOCH, limits, lambda: self.time_ns)
        self.store = store_in(directory, **settings)
        self.store.begin(self.tree, self.commits.clock, [], None)
        self.commits.keep_in(self.store, EPOCH, [])

    def turn(self, count: int = 1, *, keep: float = 0.1) -> None:
        for _ in range(count):
            self.time_ns += 10**9
            after: Forest = evolved(self.dice, self.forest, self._kinds, NAMES, self.dice.randrange(4))
            plan = plan_between(self.forest, after)
            if self.dice.random() < 0.5:
                plan = made_routine(self.forest, after, plan, self.tree)
            self.commits.carry_out(plan, more=self.dice.random() < 0.3)
            dead = self.commits._ledger.take_dead()
            if dead:
                self.commits.dead.append((self.log.head, dead))
            self.store.note(self.commits.take_identities())
            self.forest = after
            if self.dice.random() < keep:
                self.store._write_tree(self.tree, self.commits.clock, self.commits.dead, sync=False)

    def end(self, *, clean: bool = False) -> None:
        self.store.close(self.tree if clean else None, self.commits.clock, self.commits.dead)

    def logs(self) -> list[Path]:
        return sorted(self.directory.glob("log.*"))


def recovered(directory: Path) -> Recovered | None:
    store = store_in(directory)
    try:
        return store.recover()
    finally:
        store.close(None, Clock(0, 0), ())


def held(tree: Tree) -> dict[int, object]:
    """All that a tree knows, by id."""
    ids = tree.below(SERVICE_ID).tolist()
    return {
        eid: (tree.parent(eid), tree.name(eid), tree.values(eid), tree.digest(eid), tree.counts(eid)) for eid in ids
    }


@pytest.fixture(autouse=True)
def one_boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Another boot from the call on."""

    def boot_anew() -> None:
        monkeypatch.setattr(place_module, "boot_id", lambda: "22222222-2222-2222-2222-222222222222")

    monkeypatch.setattr(place_module, "boot_id", lambda: "11111111-1111-1111-1111-111111111111")
    return boot_anew


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_found_is_the_tree_that_was_told(tmp_path: Path, seed: int, clean: bool) -> None:
    life = Life(tmp_path / "s", seed)
    for _ in range(4):
        life.turn(12)
        if life.dice.random() < 0.5:
            break
    life.end(clean=clean)
    found = recovered(life.directory)
    assert found is not None
    assert found.goes_on
    assert found.clock == life.commits.clock
    assert held(found.tree) == held(life.tree)
    assert found.tree.digest(SERVICE_ID) == life.tree.digest(SERVICE_ID)
    assert found.tree.roots() == life.tree.roots()
    dead = {eid for _, ids in life.commits.dead for eid in ids if eid not in life.tree}
    assert {eid for _, ids in found.dead for eid in ids if eid not in found.tree} == dead
    free = set(free_ids(found.tree))
    assert free.isdisjoint(dead | held(found.tree).keys())
    assert free | dead | held(found.tree).keys() == set(range(1, 21 + 1)) | free | dead


def test_batches_are_read_back_from_the_files(tmp_path: Path) -> None:
    life = Life(tmp_path / "s", 1)
    life.turn(30)
    told = life.log.after(1)
    assert told
    life.end()
    store = store_in(life.directory)
    assert store.recover() is not None
    log = Log(1, retention_bytes=1 << 20, retention_s=1e6)
    log.keep_in(store)
    assert (log.head, log.oldest) == (life.log.head, 1)
    seq = 1
    while (batches := log.after(seq, 3)) and seq < log.head:
        assert batches == told[seq - 1 : seq - 1 + len(batches)]
        seq = batches[-1].to_seq
    assert seq == log.head
    assert log.after(1) == told
    assert log.recent == log.head
    replay = Replay(log, EPOCH, 1 << 20)
    assert replay.missing(LaneKey(frozenset({"quantum"})), 1, log.head)
    in_part = LaneKey(frozenset({"quantum"}), criteria=Criteria(path=ROOT_PATH))
    assert replay.missing(in_part, 1, log.head) is None  # the files know of no parts
    assert log.after(0) is None
    assert log.after(log.head + 1) is None
    store.close(None, Clock(0, 0), ())


def test_files_are_bounded_by_bytes_and_by_age(tmp_path: Path) -> None:
    life = Life(tmp_path / "s", 2, retention_bytes=100_000)
    life.turn(1500, keep=0.01)
    assert len(life.logs()) <= 4
    assert 1 < life.log.oldest < life.log.head
    assert life.log.after(life.log.oldest, 0) == []
    assert life.log.after(life.log.oldest - 1, 0) is None
    life.end()
    found = recovered(life.directory)
    assert found is not None
    assert held(found.tree) == held(life.tree)
    aged = Life(tmp_path / "a", 2, retention_s=5.0)
    aged.turn(50)
    assert aged.log.head - aged.log.oldest < 50
    aged.end()


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    life = Life(tmp_path / "s", 3)
    with pytest.raises(StateInUse, match=f"process {os.getpid()}"):
        store_in(life.directory)
    life.end()
    store_in(life.directory).close(None, Clock(0, 0), ())
    assert life.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in life.directory.iterdir()} == {0o600}


def test_what_else_is_in_the_directory_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("mine")
    (tmp_path / "tree.txt").write_text("mine")
    tmp_path.chmod(0o755)
    for seed in (1, 2):
        life = Life(tmp_path, seed)
        life.turn(3)
        life.end()
    assert len(list(tmp_path.glob("log.*"))) == 2
    assert {path.name for path in tmp_path.iterdir()} >= {"log.txt", "tree.txt"}
    assert tmp_path.stat().st_mode & 0o777 == 0o755


# --- where the epoch must end ---------------------------------------------------------------------------------------


def test_a_tree_whose_writing_was_killed_is_removed(tmp_path: Path) -> None:
    life = Life(tmp_path, 6)
    life.turn(3, keep=1.0)
    life.end()
    draft, other = (tmp_path / f"{tree}.draft" for tree in (next(tmp_path.glob("tree.*")).name, "tree.mine"))
    draft.touch()
    other.touch()
    assert recovered(tmp_path) is not None
    assert not draft.exists()
    assert other.exists()


def test_a_boot_without_a_clean_stop_ends_it(tmp_path: Path, one_boot: Callable[[], None]) -> None:
    dirty, clean = Life(tmp_path / "d", 4), Life(tmp_path / "c", 4)
    for life in (dirty, clean):
        life.turn(10)
        life.end(clean=life is clean)
    one_boot()
    found = recovered(dirty.directory)
    assert found is not None
    assert not found.goes_on
    assert found.clock == dirty.commits.clock  # known to be on disk, so clients up to there could go on
    assert held(found.tree) == held(dirty.tree)
    kept = recovered(clean.directory)
    assert kept is not None
    assert kept.goes_on
    again = recovered(clean.directory)  # that one was not stopped, but in this boot
    assert again is not None
    assert again.goes_on


def test_a_record_that_was_never_finished_is_cut_off(tmp_path: Path) -> None:
    life = Life(tmp_path / "s", 5)
    life.turn(8)
    with life.logs()[-1].open("ab") as file:
        file.write(b"half a record's head")
    life.end()
    found = recovered(life.directory)
    assert found is not None
    assert found.goes_on
    assert found.clock == life.commits.clock


def test_wherever_it_is_cut_no_seq_is_issued_again(tmp_path: Path) -> None:
    """This boot has seen how far it had come: what is shorter ends the epoch."""
    life = Life(tmp_path / "s", 6)
    life.turn(6)
    life.end()
    whole = life.logs()[-1].read_bytes()
    for size in range(0, len(whole), 7):
        life.logs()[-1].write_bytes(whole[:size])
        found = recovered(life.directory)
        assert found is not None
        assert not found.goes_on
        assert found.clock.seq <= life.commits.clock.seq


def test_wherever_a_bit_is_flipped_the_epoch_ends(tmp_path: Path) -> None:
    life = Life(tmp_path / "s", 7)
    life.turn(6, keep=0.0)
    life.end()
    [log] = life.logs()
    whole = log.read_bytes()
    for at in range(0, len(whole), 5):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        log.write_bytes(data)
        found = recovered(life.directory)
        assert found is not None
        assert not found.goes_on


@pytest.mark.parametrize("name", ["tree", "mark"])
def test_a_damaged_tree_or_mark_begins_from_nothing(tmp_path: Path, name: str) -> None:
    life = Life(tmp_path / "s", 8)
    life.turn(3, keep=0.0)
    life.end()
    [path] = life.directory.glob(f"{name}*")
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        path.write_bytes(data)
        found = recovered(life.directory)
        assert found is None or not found.goes_on


def test_one_put_back_from_a_copy_ends_the_epoch(tmp_path: Path) -> None:
    """Also if it was stopped cleanly, and the files are the same ones."""
    for clean in (False, True):
        life = Life(tmp_path / f"s{clean}", 9)
        life.turn(5)
        life.end(clean=clean)
        shutil.copytree(life.directory, tmp_path / f"copy{clean}")
        again = store_in(life.directory)
        found = again.recover()
        assert found is not None
        assert found.goes_on
        log = Log(1, retention_bytes=1 << 20, retention_s=1e6)
        ledger = Ledger(found.tree)
        commits = Commits(found.tree, ledger, log, Activity([]), 1, Limits(1 << 20, 99), lambda: 0)
        commits.keep_in(again, found.clock.epoch, found.dead)
        commits.tell(more=False)  # a client has seen this
        again.close(found.tree if clean else None, commits.clock, commits.dead)
        for path in life.directory.iterdir():
            path.unlink()
        shutil.copytree(tmp_path / f"copy{clean}", life.directory, dirs_exist_ok=True)
        found = recovered(life.directory)
        assert found is not None
        assert not found.goes_on


def test_a_tree_on_disk_is_checked(tmp_path: Path) -> None:
    tree = random_forest(Random(1), [True] * 9, NAMES).tree(10)
    data = b"".join(encode_tree(tree, Clock(1, 2), [(7, [3, 4]), (9, [5])]))
    kept = decode_tree(memoryview(data))
    assert (kept.clock, kept.dead) == (Clock(1, 2), [(7, [3, 4]), (9, [5])])
    assert held(kept.tree) == held(tree)
    for at in range(len(data)):
        with pytest.raises(StateDamaged):
            decode_tree(memoryview(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]))
        with pytest.raises(StateDamaged):
            decode_tree(memoryview(data[:at]))


# --- where it can't be written ---------------------------------------------------------------------------------------


def test_a_full_disk_begins_a_new_epoch_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path / "s", 10)
    life.turn(5)
    before, lost = life.commits.clock, list[OSError]()
    life.commits.lost = lost.append

    def full(fd: int, pieces: list[bytes]) -> int:
        return os.write(fd, pieces[0][:9])

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        life.commits.tell(more=False)
    assert [error.errno for error in lost] == [28]
    after = life.commits.clock
    assert after.epoch != before.epoch
    [batch] = life.log.after(before.seq) or []
    assert batch.data[4:12] == after.epoch.to_bytes(8, "little")
    assert life.log.after(before.seq - 1) is None
    life.commits.carry_out(Plan(), more=False)
    life.commits.tell(more=False)  # also where there is room again: the epoch that is on disk has ended at `before`
    assert len(life.log.after(before.seq) or []) == 2
    life.end()
    found = recovered(life.directory)
    assert found is not None
    assert found.goes_on  # nothing beyond this clock was ever told in its epoch
    assert found.clock == before
