"""The watcher that polls: a Listing against the Tree, what it says of moves, when it rests; services on it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from smarttree import watch
from smarttree._compare import KIND_CAME, KIND_ITSELF, KIND_LEFT, KIND_REPLACED, KIND_WRITTEN, Comparison
from smarttree._listing import Listing, ListingBuilder
from smarttree._scan import scan
from smarttree.disk.base import Disk, Reader
from smarttree.disk.linux import LinuxDisk
from smarttree.disk.portable import PortableDisk
from smarttree.row import Row
from smarttree.service import Service
from smarttree.tree import NO_ID, Tree
from smarttree.watch.base import Hints
from smarttree.watch.filesystem import ToPoll
from smarttree.watch.linux import InotifyWatcher
from smarttree.watch.polling import SHARE, Polled, PollingWatcher, point_out, rest_after
from smarttree.watch.supplemented import SupplementedWatcher
from tests.running import Run, churn, config, top
from tests.watchers import POLL_S, make_polling

__all__ = ["top"]  # a fixture

DIR, FILE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644
TOP = Row(DIR, 0, 1, 1, 100, 7)


def listed(*entries: tuple[bytes, Row], top: Row = TOP, trouble: tuple[bytes, int] | None = None) -> Listing:
    """One directory."""
    builder = ListingBuilder(top)
    builder.add(0, sorted(entries))
    if trouble:
        builder.report(0, *trouble)
    return builder.finish()


def grown(*entries: tuple[bytes, Row]) -> tuple[Tree, int]:
    tree = Tree()
    return tree, tree.graft(listed(*entries), b"/top")


def told(tree: Tree, root: int, listing: Listing) -> list[tuple[int, bytes]]:
    return [(kind, name) for kind, _, name, _, _ in Comparison(tree, root, listing).findings()]


A, B = Row(FILE, 5, 1, 1, 1, 1), Row(FILE, 5, 1, 1, 2, 2)


@pytest.mark.parametrize(
    ("there", "finding"),
    [
        ([(b"a", A), (b"b", B)], []),
        ([(b"a", A)], [(KIND_LEFT, b"b")]),
        ([(b"a", A), (b"b", B), (b"c", B)], [(KIND_CAME, b"c")]),
        ([(b"a", A), (b"b", B._replace(ctime_ns=2))], [(KIND_WRITTEN, b"b")]),
        ([(b"a", A), (b"b", B._replace(ino=9))], [(KIND_REPLACED, b"b")]),
        ([(b"a", A), (b"b", B._replace(birth=9))], [(KIND_REPLACED, b"b")]),
        ([(b"a", A), (b"b", B._replace(mode=DIR))], [(KIND_REPLACED, b"b")]),
        ([(b"", A)][:0], [(KIND_LEFT, b"a"), (KIND_LEFT, b"b")]),
        ([(b"A", A), (b"z", B)], [(KIND_CAME, b"A"), (KIND_LEFT, b"a"), (KIND_LEFT, b"b"), (KIND_CAME, b"z")]),
    ],
)
def test_each_difference_is_found(there: list[tuple[bytes, Row]], finding: list[tuple[int, bytes]]) -> None:
    tree, root = grown((b"a", A), (b"b", B))
    assert told(tree, root, listed(*there)) == finding


def test_each_value_of_a_file_counts() -> None:
    tree, root = grown((b"a", A))
    for change in ({"size": 6}, {"mtime_ns": 2}, {"mode": FILE | 0o111}):
        assert [name for _, name in told(tree, root, listed((b"a", A._replace(**change))))] == [b"a"]


def test_a_directory_itself_and_another_in_its_place() -> None:
    tree, root = grown((b"a", A))
    assert told(tree, root, listed((b"a", A), top=TOP._replace(mtime_ns=2))) == [(KIND_ITSELF, b"")]
    hints = Hints()
    point_out(tree, root, listed((b"a", A), top=TOP._replace(ino=101)), hints)
    assert hints.whole == {root}
    assert not hints.overflow


def test_what_could_not_be_read_is_no_difference() -> None:
    tree, root = grown((b"a", A), (b"b", B))
    assert told(tree, root, listed((b"a", A), trouble=(b"b", errno.EIO))) == []
    assert told(tree, root, listed((b"c", B), trouble=(b"", errno.EACCES))) == [(KIND_CAME, b"c")]


def test_what_may_not_be_read_is_looked_into_so_that_it_is_said() -> None:
    tree, root = grown((b"a", A))
    for number, whole in ((errno.EACCES, {root}), (errno.EPERM, {root}), (errno.EIO, set())):
        hints = Hints()
        point_out(tree, root, listed((b"a", A), trouble=(b"", number)), hints)
        assert (hints.whole, hints.names) == (whole, {})


def test_what_is_no_directory_can_not_be_compared() -> None:
    tree, root = grown((b"a", A))
    for eid in (tree.child(root, b"a"), 77):
        with pytest.raises(KeyError):
            Comparison(tree, eid, listed()).findings()


def test_a_move_needs_a_birth_time() -> None:
    unborn = A._replace(ino=3, birth=0)
    tree, root = grown((b"a", A), (b"b", unborn))
    hints = Hints()
    point_out(tree, root, listed((b"x", A), (b"y", unborn)), hints)
    assert hints.names == {root: {b"a", b"b", b"x", b"y"}}
    assert hints.moved == {(root, b"a")}


def test_a_moved_directory_is_read_anew(tmp_path: Path) -> None:
    """Also one that was in a directory that has ended; what has ended is looked for in vain."""
    top = os.fsencode(tmp_path)
    for name in (b"d", b"d/in", b"d/in/deep", b"e"):
        os.mkdir(top + b"/" + name)
    tree = Tree()
    root = tree.graft(scan(top), top)
    inner = tree.resolve(top + b"/d/in")
    deep = tree.resolve(top + b"/d/in/deep")
    os.rename(top + b"/d/in", top + b"/e/in")
    os.rmdir(top + b"/d")
    hints = Hints()
    point_out(tree, root, scan(top), hints)
    assert hints.whole == ({tree.resolve(top + b"/d"), inner, deep} if tree.row(inner).birth else set())
    assert b"d" in hints.names[root]
    assert b"in" in hints.names[tree.resolve(top + b"/e")]


@pytest.mark.parametrize("seed", range(20))
def test_equal_is_silent_and_different_is_not(seed: int, tmp_path: Path) -> None:
    """On real trees: the places that a fresh listing differs at are exactly those that are said."""
    dice, top = Random(seed), os.fsencode(tmp_path)
    churn(tmp_path, dice, 60)
    tree = Tree()
    root = tree.graft(scan(top), top)
    assert Comparison(tree, root, scan(top)).findings() == []
    churn(tmp_path, dice, 20)
    fresh = Tree()
    fresh.graft(scan(top), top)
    said = {
        tree.path(directory) + b"/" + name
        for _, directory, name, _, _ in Comparison(tree, root, scan(top)).findings()
        if name
    }
    paths = [{t.path(eid): t.row(eid) for eid in t.below(t.roots()[0]).tolist()} for t in (tree, fresh)]
    before, after = paths
    files = {path for path in before.keys() & after.keys() if not (before[path].is_dir and after[path].is_dir)}
    differ = {path for path in files if before[path] != after[path]}
    differ |= {p for p in before.keys() ^ after.keys() if os.path.dirname(p) in (before.keys() & after.keys()) | {top}}
    for path in differ:  # below what was replaced, its place is enough
        assert any(path == other or path.startswith(other + b"/") for other in said), path
    assert all(path in before or path in after for path in said)


# ---------------------------------------------------------------- passes


def test_a_pass_takes_its_share_at_most() -> None:
    assert rest_after(0.0, 2.0) == 2.0
    assert rest_after(0.2, 2.0) == 2.0
    for passed_s in (1.0, 30.0):
        assert passed_s / (passed_s + rest_after(passed_s, 2.0)) == pytest.approx(SHARE)


class Failing:
    """A reader that can't."""

    def __init__(self, number: int) -> None:
        self._number = number

    def read(self, path: bytes, depth: int) -> Listing:
        raise OSError(self._number, os.strerror(self._number))

    def cancel(self) -> None:
        pass


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE, errno.EMFILE, errno.EACCES])
def test_what_can_not_be_read_is_pointed_to(number: int) -> None:
    tree, root = grown((b"a", A))
    watcher = PollingWatcher([Polled(b"/top"), Polled(b"/unknown")], Failing(number), poll_s=1000.0)
    watcher.start(lambda: None, tree)
    hints = watcher.drain()
    assert (hints.whole or {*hints.names}) == {root}
    assert bool(hints.whole) == (number == errno.ENOENT)  # it is looked for, and read where it is now
    assert not watcher.drain(barrier=False)
    watcher.close()


def test_a_cancelled_reader_ends_the_barrier_and_the_thread(tmp_path: Path) -> None:
    watcher, tree = make_polling(os.fsencode(tmp_path)), Tree()
    watcher.start(lambda: None, tree)
    watcher.bind(())
    watcher.close()
    with pytest.raises(InterruptedError):
        watcher.drain()


def test_a_place_that_the_tree_lacks_is_found_from_above(tmp_path: Path) -> None:
    """A mount point that was made, and mounted on, since."""
    top = os.fsencode(tmp_path)
    tree = Tree()
    root = tree.graft(scan(top), top)
    os.makedirs(top + b"/new/mount")
    watcher = PollingWatcher([Polled(top + b"/new/mount", 2)], Reader(LinuxDisk()), poll_s=1000.0)
    watcher.start(lambda: None, tree)
    assert watcher.drain().names == {root: {b"new"}}
    watcher.close()


# ---------------------------------------------------------------- the choice


def choose(*roots: Path, name: str = watch.AUTO) -> str:
    chosen = watch.choose([os.fsencode(r) for r in roots], name, reader=Reader(LinuxDisk()), poll_s=1.0)
    chosen.close()
    return chosen.name


def test_polling_can_be_asked_for(tmp_path: Path) -> None:
    assert choose(tmp_path, name="polling") == "polling"


def test_what_others_change_is_polled_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    remote = ToPoll(os.fsencode(one), 0, "it is on NFS")
    monkeypatch.setattr("smarttree.watch.filesystem.to_poll", lambda roots, mounts: [remote])
    caplog.set_level("INFO", "smarttree.watch")
    assert choose(one) == "polling"
    assert choose(one, two).endswith(" and polling")
    assert [record.getMessage() for record in caplog.records] == [f"polling {one}: it is on NFS"] * 2


# ---------------------------------------------------------------- a service


def supplemented(root: Path) -> SupplementedWatcher:
    return SupplementedWatcher(InotifyWatcher(), make_polling(os.fsencode(root)))


Serve = Callable[[Path], Service]
SERVICES: dict[str, Serve] = {
    "linux": lambda top: Service(config(top, watcher="polling", poll_s=POLL_S)),
    "portable": lambda top: Service(config(top, watcher="polling", poll_s=POLL_S), reader=PortableDisk()),
    "supplemented": lambda top: Service(config(top), watcher=supplemented(top)),
}


@pytest.fixture(params=SERVICES)
def run(request: pytest.FixtureRequest, top: Path) -> Iterator[Run]:
    running = Run(SERVICES[request.param](top))
    yield running
    running.service.stop()
    assert running.service.failure is None or running.service.failure.code == "not-ready"


def test_a_change_is_told_without_anyone_asking(run: Run, top: Path) -> None:
    for n in range(5):
        path = top / "d" / f"told{n}"
        path.write_text("by a pass")
        run.until(lambda path=path: run.service.view().tree.resolve(os.fsencode(path)) != NO_ID)  # type: ignore[misc]


def test_each_change_is_found_at_the_barrier(run: Run, top: Path) -> None:
    assert run.changes() == []
    (top / "a").write_text("b")  # of equal size
    assert set(run.changes()) == {("modified", "a")}
    before = (top / "b").stat()
    (top / "b").write_text("BB")
    os.utime(top / "b", ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p has it: the ctime tells
    assert set(run.changes()) == {("modified", "b")}
    os.rename(top / "a", top / "new")
    os.remove(top / "new")
    assert run.changes()[-1][0] == "deleted"


def test_a_moved_directory_keeps_its_id_and_what_was_made_in_it_is_told(top: Path) -> None:
    run = Run(SERVICES["linux"](top))
    born = run.tree.row(run.tree.resolve(os.fsencode(top / "d"))).birth
    os.rename(top / "d", top / "e" / "d")
    (top / "e" / "d" / "deep" / "made").write_text("")
    changes = run.changes()
    if born:
        assert changes[0] == ("renamed", "e/d")
    assert ("created", "e/d/deep/made") in changes
    run.service.stop()


def test_a_root_that_goes_and_comes_back(run: Run, top: Path) -> None:
    top.rename(top.parent / "away")
    assert ("deleted", "a") in [change for batch in [run.service.sync().result(10)] for change in changes_of(run)]
    (top.parent / "away").rename(top)
    run.until(lambda: run.service.view().tree.resolve(os.fsencode(top / "a")) != NO_ID)


def changes_of(run: Run) -> list[tuple[str, str]]:
    above = run.service.config.roots[0] + b"/"
    batches = run.service.log.after(run.seq) or []
    return [(c.type, os.fsdecode(c.path.removeprefix(above))) for batch in batches for c in batch.changes]


@pytest.mark.parametrize("seed", range(6))
def test_churn(run: Run, top: Path, seed: int) -> None:
    dice = Random(seed)
    for _ in range(6):
        churn(top, dice, 30)
        run.sync()


@pytest.mark.parametrize("disk", [LinuxDisk(), PortableDisk()], ids=["linux", "portable"])
def test_a_reader_keeps_to_the_limit_of_levels(disk: Disk, top: Path) -> None:
    reader = Reader(disk)
    assert len(reader.read(os.fsencode(top), 511)) - 1 == len(os.listdir(top))
    reader.cancel()
    with pytest.raises(InterruptedError):
        reader.read(os.fsencode(top), 0)
