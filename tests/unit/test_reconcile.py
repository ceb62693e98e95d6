"""The law of reconciliation: what is there decides; hints are evidence only of how it came there."""

from __future__ import annotations

import errno
from collections.abc import Collection

import pytest

from smarttree._looks import Looks
from smarttree.clock import Clock
from smarttree.ledger import Ledger, Limits, cut_batches
from smarttree.order import order
from smarttree.plan import Plan
from smarttree.reconcile import Reconciliation
from smarttree.ticks import TICK_NS, hiding, tick_ns
from smarttree.tree import SERVICE_ID, Row, Tree
from smarttree.watch.base import Place
from tests.plain_trees import DIRECTORY, FILE
from tests.trees import ROOT, ROOT_PATH


def file(ino: int, *, size: int = 1, mtime: int = 1, ctime: int = 1, birth: int = 1, mode: int = FILE) -> Row:
    return Row(mode, size, mtime, ctime, ino, birth)


def directory(ino: int, *, mtime: int = 1, ctime: int = 1, birth: int = 1) -> Row:
    return Row(DIRECTORY, 0, mtime, ctime, ino, birth)


class House:
    """A Tree made of names and Rows, and what a window of observations tells of it."""

    def __init__(self, entries: dict[bytes, Row]) -> None:
        self.tree = Tree()
        self.tree.insert(self.tree.issue(), SERVICE_ID, ROOT_PATH, directory(1))
        for path, row in entries.items():
            self.tree.insert(self.tree.issue(), *self.place(path), row)

    def id(self, path: bytes) -> int:
        return self.tree.resolve(ROOT_PATH + b"/" + path) if path else ROOT

    def place(self, path: bytes) -> Place:
        parent, _, name = path.rpartition(b"/")
        return self.id(parent), name

    def reconcile(
        self,
        seen: dict[bytes, Row | None],
        *,
        moved: Collection[bytes] = (),
        written: Collection[bytes] = (),
        lost: bool = False,
        routinely: bool = False,
    ) -> Plan:
        """The plan for what was seen at paths whose directories are known; new directories are empty. `routinely`: what
        is routine is taken as such.
        """
        places = {path: self.place(path) for path in [*seen, *moved, *written]}
        found = Reconciliation(
            self.tree, moved={places[path] for path in moved}, written={places[path] for path in written}, lost=lost
        )
        for path, row in seen.items():
            directory, name = places[path]
            if not routinely or found.see_routine(directory, [name], Looks([row]), set()):
                found.see(directory, name, row)
        found.match()
        for place in list(found.unlisted()):
            found.leave_unread(place, errno.EACCES)
        found.admit()
        return found.plan()

    def changes(
        self,
        seen: dict[bytes, Row | None],
        *,
        moved: Collection[bytes] = (),
        written: Collection[bytes] = (),
        lost: bool = False,
    ) -> list[str]:
        """The changes told, and the Tree is what was seen. It makes no difference which way that is found out."""
        twin = House({})
        twin.tree = self.tree.copy()
        told = self._carry_out(self.reconcile(seen, moved=moved, written=written, lost=lost), seen)
        routinely = twin.reconcile(seen, moved=moved, written=written, lost=lost, routinely=True)
        assert sorted(twin._carry_out(routinely, seen)) == sorted(told)
        assert twin.tree.digest(SERVICE_ID) == self.tree.digest(SERVICE_ID)
        return told

    def _carry_out(self, plan: Plan, seen: dict[bytes, Row | None]) -> list[str]:
        batches = list(cut_batches(Ledger(self.tree), plan, order(self.tree, plan), Clock(1, 1), 0, LIMITS))
        for path, row in seen.items():
            assert (self.tree.row(self.id(path)) if row else self.tree.resolve(ROOT_PATH + b"/" + path)) == (
                row or NONE
            )
        skip = len(ROOT_PATH) + 1
        return [
            " ".join([c.type, *([c.old_path[skip:].decode()] if c.old_path else []), c.path[skip:].decode()])
            for batch in batches
            for c in batch.changes
        ]


NONE = 0xFFFFFFFF
LIMITS = Limits(1 << 20, 1 << 20)

# ---------------------------------------------------------------- created, deleted, renamed


def test_nothing_new_is_nothing() -> None:
    house = House({b"a": file(10), b"d": directory(11)})
    assert not house.reconcile({b"a": file(10), b"d": directory(11), b"none": None}, moved=[b"a"], written=[b"a"])


def test_a_deleted_file_s_inode_proves_nothing() -> None:
    """ext4 gives it to the next file at once: here with another birth time ..."""
    house = House({b"a": file(10)})
    assert sorted(house.changes({b"a": None, b"b": file(10, birth=2)}, moved=[b"a"])) == ["created b", "deleted a"]


def test_nor_does_an_equal_birth_time_where_nothing_was_moved_away() -> None:
    """... and here within one tick of the clock, so that birth times agree, too."""
    house = House({b"a": file(10)})
    assert sorted(house.changes({b"a": None, b"b": file(10)})) == ["created b", "deleted a"]


def test_inode_reuse_under_the_same_name_is_that_file_modified() -> None:
    house = House({b"a": file(10)})
    known = house.id(b"a")
    assert house.changes({b"a": file(10, birth=2, mtime=5)}) == ["modified a"]
    assert house.id(b"a") == known


def test_moved_away_and_of_one_identity_is_renamed() -> None:
    house = House({b"a": file(10)})
    known = house.id(b"a")
    assert house.changes({b"a": None, b"b": file(10, ctime=2)}, moved=[b"a"]) == ["renamed a b"]
    assert house.id(b"b") == known


def test_renamed_and_written_is_both() -> None:
    house = House({b"a": file(10)})
    told = house.changes({b"b": file(10, size=9, mtime=9, ctime=9), b"a": None}, moved=[b"a"], written=[b"b"])
    assert told == ["renamed a b", "modified b"]


def test_of_two_types_is_never_renamed() -> None:
    house = House({b"a": file(10)})
    link = file(10, mode=0o120777)
    assert sorted(house.changes({b"a": None, b"b": link}, moved=[b"a"], lost=True)) == ["created b", "deleted a"]


def test_after_lost_hints_the_identity_must_do() -> None:
    house = House({b"a": file(10), b"c": file(11)})
    seen = {b"a": None, b"b": file(10), b"c": None, b"d": file(11, birth=2)}
    assert sorted(house.changes(seen, lost=True)) == ["created d", "deleted c", "renamed a b"]


def test_a_name_that_still_stands_is_a_second_link_not_a_rename() -> None:
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10), b"b": file(10)}, moved=[b"a"], lost=True) == ["created b"]


def test_moved_out_of_sight_is_deleted() -> None:
    house = House({b"d": directory(11), b"d/f": file(12)})
    assert house.changes({b"d": None}, moved=[b"d"]) == ["deleted d"]


@pytest.mark.parametrize("lost", [False, True])
def test_a_chain_of_renames(lost: bool) -> None:
    house = House({b"a": file(10), b"b": file(11), b"c": file(12)})
    moved = [] if lost else [b"a", b"b", b"c"]
    seen = {b"a": None, b"b": file(10), b"c": file(11), b"d": file(12)}
    assert house.changes(seen, moved=moved, lost=lost) == ["renamed c d", "renamed b c", "renamed a b"]


def test_the_first_look_at_a_place_counts() -> None:
    house = House({b"a": file(10)})
    found = Reconciliation(house.tree, moved=(), written=(), lost=False)
    found.see(ROOT, b"a", file(10, size=2, mtime=2))
    found.see(ROOT, b"a", None)
    assert found.has_seen((ROOT, b"a"))
    plan = found.plan()
    assert not plan.deletes
    assert list(plan.updates) == [house.id(b"a")]


# ---------------------------------------------------------------- modified


def test_an_atomic_save_is_one_modification() -> None:
    """Written to a temporary file, which is renamed over the old one."""
    house = House({b"a": file(10)})
    known = house.id(b"a")
    assert house.changes({b"a": file(20, size=5, mtime=5, ctime=5), b"a.tmp": None}, moved=[b"a.tmp"]) == ["modified a"]
    assert house.id(b"a") == known


def test_an_atomic_save_of_equal_content_is_still_told() -> None:
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(20)}) == ["modified a"]


def test_renamed_over_a_file_is_modified_and_deleted() -> None:
    house = House({b"a": file(10, size=3), b"b": file(11)})
    known = house.id(b"b")
    told = house.changes({b"a": None, b"b": file(10, size=3, ctime=2)}, moved=[b"a"])
    assert sorted(told) == ["deleted a", "modified b"]
    assert house.id(b"b") == known


def test_a_copy_that_keeps_size_and_mtime_is_told_by_its_ctime() -> None:
    """`cp -p` and `rsync -t`: only ctime moves, and the kernel said that it was written."""
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10, ctime=2)}, written=[b"a"]) == ["modified a"]


def test_what_was_stored_may_be_hidden_by_a_clock_that_stands_still() -> None:
    """Only where it was stored, and only while another write could have had the time that was seen."""
    at, place = 7 * 10**9 + 5, (1, b"a")
    assert tick_ns("linux", "6.12.9") == tick_ns("linux", "5.10") == tick_ns("win32") == TICK_NS
    assert tick_ns("linux", "6.13.0-rc1") == tick_ns("linux", "7.0") == 0
    assert hiding((), 0, TICK_NS) is None
    hidden = hiding({place}, at + TICK_NS - 1, TICK_NS)
    assert hidden is not None
    assert hidden(place, at)
    assert not hidden((1, b"b"), at)
    assert not hidden(place, at - 1)
    assert hidden(place, 7 * 10**9)  # whole seconds stand still for longer
    fine = hiding({place}, at, 0)
    assert fine is not None
    assert not fine(place, at + 10**6 + 1)


def test_a_ctime_alone_is_not_told_where_nothing_was_written() -> None:
    """A second link, or `chmod` to what it was."""
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10, ctime=2)}) == []
    assert house.tree.row(house.id(b"a")).ctime_ns == 2


def test_after_lost_hints_a_ctime_alone_is_told() -> None:
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10, ctime=2)}, lost=True) == ["modified a"]


def test_a_close_that_moved_nothing_is_nothing() -> None:
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10)}, written=[b"a"]) == []


@pytest.mark.parametrize("change", [{"mode": FILE | 0o111}, {"size": 2}, {"mtime": 2}])
def test_each_value_is_told(change: dict[str, int]) -> None:
    house = House({b"a": file(10)})
    assert house.changes({b"a": file(10, **change, ctime=2)}) == ["modified a"]


def test_a_directory_s_mtime_is_kept_but_not_told() -> None:
    house = House({b"d": directory(11)})
    assert house.changes({b"d": directory(11, mtime=9)}) == []
    assert house.tree.row(house.id(b"d")).mtime_ns == 9


# ---------------------------------------------------------------- types and directories


@pytest.mark.parametrize("new", [directory(20), file(20, mode=0o120777), directory(10), file(10, mode=0o010644)])
def test_another_type_under_the_same_name_is_another_entry(new: Row) -> None:
    house = House({b"a": file(10)})
    known = house.id(b"a")
    assert house.changes({b"a": new}) == ["deleted a", "created a"]
    assert house.id(b"a") != known


def test_a_file_in_place_of_a_directory() -> None:
    house = House({b"d": directory(11), b"d/f": file(12)})
    assert house.changes({b"d": file(20)}) == ["deleted d", "created d"]


def test_a_directory_made_anew_under_its_name_is_another() -> None:
    house = House({b"d": directory(11), b"d/f": file(12)})
    assert house.changes({b"d": directory(11, birth=2)}) == ["deleted d", "created d"]
    assert house.tree.children(house.id(b"d")) == []


def test_a_directory_moves_with_all_that_is_in_it() -> None:
    house = House({b"d": directory(11), b"d/f": file(12), b"e": directory(13)})
    inner = house.id(b"d/f")
    assert house.changes({b"d": None, b"e/x": directory(11)}, moved=[b"d"]) == ["renamed d e/x"]
    assert house.id(b"e/x/f") == inner


def test_a_directory_seen_elsewhere_needs_no_look_at_its_old_place() -> None:
    """It has one place only, and the kernel said that it was moved away."""
    house = House({b"d": directory(11), b"e": directory(13)})
    assert house.changes({b"e/x": directory(11)}, moved=[b"d"]) == ["renamed d e/x"]


def test_directories_exchanged() -> None:
    house = House({b"a": directory(11), b"a/f": file(12), b"b": directory(13), b"b/g": file(14)})
    told = house.changes({b"a": directory(13), b"b": directory(11)}, moved=[b"a", b"b"])
    assert sorted(line.split()[0] for line in told) == ["created", "created", "deleted", "renamed"]
    assert house.id(b"a/g") != NONE
    assert house.id(b"b/f") != NONE


def test_inside_out() -> None:
    """`mv d/e e; mv d e/d`."""
    house = House({b"d": directory(11), b"d/e": directory(12)})
    found = Reconciliation(house.tree, moved={(ROOT, b"d"), (house.id(b"d"), b"e")}, written=(), lost=False)
    d, e = house.id(b"d"), house.id(b"d/e")
    found.see(ROOT, b"d", None)
    found.see(ROOT, b"e", directory(12))
    found.match()
    found.see(e, b"d", directory(11))
    found.match()
    found.see(d, b"e", None)
    assert found.path_of(d) == ROOT_PATH + b"/e/d"
    plan = found.plan()
    assert (plan.moves, plan.deletes, plan.creates) == ({d: (e, b"d"), e: (ROOT, b"e")}, set(), {})


def test_saved_from_a_directory_that_ends() -> None:
    house = House({b"d": directory(11), b"d/f": file(12)})
    inner = house.id(b"d/f")
    told = house.changes({b"d": None, b"f": file(12)}, moved=[b"d/f"])
    assert sorted(told) in (["created f", "deleted d"], ["deleted d", "renamed d/f f"])
    assert (inner in house.tree) == ("created f" not in told)


def test_what_arrives_in_a_directory_that_ends_is_dropped_and_its_id_given_back() -> None:
    house = House({b"d": directory(11)})
    before = len(house.tree)
    found = Reconciliation(house.tree, moved=(), written=(), lost=False)
    found.see(house.id(b"d"), b"new", file(12))
    found.see(ROOT, b"d", None)
    plan = found.plan()
    assert plan.creates == {}
    assert plan.deletes == {house.id(b"d")}
    assert house.tree.issue() == before + 1
