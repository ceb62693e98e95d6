"""The law of the service: after a sync its tree is what a scan of the disk finds, and its batches lead there."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from smarttree import codec
from smarttree._scan import scan
from smarttree.config import ServiceConfig
from smarttree.errors import NotReady, SmarttreeError, SystemLimit
from smarttree.service import EngineFailure, Service
from smarttree.stream.batch import Batch
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.watch.base import Hints, WakeUp
from smarttree.watch.linux import InotifyWatcher
from tests.disk import KIND_OF_TYPE, Seen, difference, listing
from tests.disk import Listing as DiskListing

DEADLINE_S = 10.0
Change = tuple[str, str]


def config(*roots: Path, **settings: float) -> ServiceConfig:
    return ServiceConfig(roots=tuple(os.fsencode(root) for root in roots), **settings)  # type: ignore[arg-type]


class Run:
    """A service under way, and the tree of one who follows its batches."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._turned = threading.Event()
        service.add_listener(self._turned.set)
        service.start()
        self.until(lambda: service.state != "scanning")
        if service.state == "ready":
            view = service.view()
            self.tree, self.seq = view.tree, view.clock.seq

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self._turned.wait(deadline - time.monotonic()), "it did not come in time"
            self._turned.clear()

    def sync(self) -> list[Batch]:
        """Follow up to a new barrier, and see that the law holds there; the batches since the last."""
        clock = self.service.sync().result(DEADLINE_S)
        batches = self.service.log.after(self.seq)
        assert batches is not None
        for batch in batches:
            body = codec.decode_batch(batch.data)
            assert (body.epoch, body.from_seq, body.to_seq) == (clock.epoch, self.seq, self.seq + 1)
            self.tree = codec.apply(self.tree, body.records)
            assert self.tree.digest(SERVICE_ID) == batch.digest
            assert self.tree.totals(SERVICE_ID) == batch.totals
            self.seq += 1
        assert self.seq >= clock.seq
        self.check()
        return batches

    def check(self) -> None:
        view = self.service.view()
        fresh = Tree()
        for root in self.service.config.roots:
            fresh.graft(scan(root), root)
            wrong = difference(listing(root), as_held(view.tree, view.tree.resolve(root)))
            assert wrong == "", wrong
        assert view.digest == fresh.digest(SERVICE_ID)
        if view.clock.seq == self.seq:
            assert view.digest == self.tree.digest(SERVICE_ID)

    def changes(self) -> list[Change]:
        """(type, path below the root) of what is told up to a new barrier."""
        top = self.service.config.roots[0] + b"/"
        return [(c.type, os.fsdecode(c.path.removeprefix(top))) for batch in self.sync() for c in batch.changes]


def as_held(tree: Tree, root: int) -> DiskListing:
    """What a tree holds below a root, in the shape of `find`'s."""
    held = {}
    for eid in tree.below(root).tolist():
        row = tree.row(eid)
        kind = KIND_OF_TYPE.get(row.mode & 0xF000, "other")
        held[tree.path(eid)] = Seen(kind, row.size, row.mode & 0o7777, row.mtime_ns)
    return held


Begin = Callable[..., Run]


@pytest.fixture
def begin() -> Iterator[Begin]:
    runs: list[Run] = []

    def start(*roots: Path, watcher: InotifyWatcher | None = None, **settings: float) -> Run:
        runs.append(Run(Service(config(*roots, **settings), watcher=watcher)))
        return runs[-1]

    yield start
    for run in runs:
        run.service.stop()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A directory with a few things in it."""
    top = tmp_path / "top"
    (top / "d" / "deep").mkdir(parents=True)
    (top / "e").mkdir()
    (top / "a").write_text("a")
    (top / "b").write_text("bb")
    (top / "d" / "f").write_text("fff")
    (top / "d" / "deep" / "g").write_text("gggg")
    return top


# ---------------------------------------------------------------- each operation


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def save(path: Path, content: str) -> None:
    temporary = path.with_name(path.name + "~")
    temporary.write_text(content)
    temporary.replace(path)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def become_dir(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "in").write_text("")


def move_in(top: Path) -> None:
    (top.parent / "outside" / "sub").mkdir(parents=True)
    (top.parent / "outside" / "sub" / "x").write_text("x")
    (top.parent / "outside").rename(top / "inside")


def deep_move(top: Path) -> None:
    (top / "d" / "deep").rename(top / "e" / "deep")
    (top / "e" / "deep" / "g").write_text("changed")
    (top / "d").rename(top / "e" / "deep" / "d")


OPERATIONS: dict[str, tuple[Callable[[Path], object], list[Change]]] = {
    "create": (lambda top: (top / "new").write_text("x"), [("created", "new")]),
    "append": (lambda top: append(top / "a"), [("modified", "a")]),
    "truncate": (lambda top: os.truncate(top / "b", 0), [("modified", "b")]),
    "chmod": (lambda top: (top / "a").chmod(0o600), [("modified", "a")]),
    "times": (lambda top: os.utime(top / "a", ns=(0, -5)), [("modified", "a")]),
    "delete": (lambda top: (top / "a").unlink(), [("deleted", "a")]),
    "rename": (lambda top: (top / "a").rename(top / "z"), [("renamed", "z")]),
    "rename over": (lambda top: (top / "a").rename(top / "b"), [("deleted", "a"), ("modified", "b")]),
    "atomic save": (lambda top: save(top / "a", "new"), [("modified", "a")]),
    "swap": (lambda top: exchange(top / "a", top / "b"), [("created", "?"), ("deleted", "?"), ("renamed", "?")]),
    "mkdir -p": (lambda top: (top / "x" / "y").mkdir(parents=True), [("created", "x"), ("created", "x/y")]),
    "move dir": (lambda top: (top / "d").rename(top / "e" / "d"), [("renamed", "e/d")]),
    "move and change": (deep_move, [("modified", "e/deep/g"), ("renamed", "e/deep"), ("renamed", "e/deep/d")]),
    "move in": (
        move_in,
        [("created", "inside"), ("created", "inside/sub"), ("created", "inside/sub/x")],
    ),
    "move out": (lambda top: (top / "d").rename(top.parent / "gone"), [("deleted", "d")]),
    "rm -r": (lambda top: shutil.rmtree(top / "d"), [("deleted", "d")]),
    "file to dir": (lambda top: become_dir(top / "a"), [("created", "a"), ("created", "a/in"), ("deleted", "a")]),
    "symlink": (lambda top: (top / "l").symlink_to("a"), [("created", "l")]),
    "hard link": (lambda top: (top / "l").hardlink_to(top / "a"), [("created", "l")]),
    "odd name": (lambda top: os.mkdir(os.fsencode(top) + b"/\xff\n"), [("created", "\udcff\n")]),
    "nothing": (lambda top: (top / "a").read_text(), []),
    "made and gone": (lambda top: ((top / "t").touch(), (top / "t").unlink()), []),
}


def settled(changes: list[Change]) -> list[Change]:
    """A first change may be told before its writing is: then `modified` follows `created`, and says nothing new."""
    born = {path for kind, path in changes if kind == "created"}
    return sorted({(kind, path) for kind, path in changes if not (kind == "modified" and path in born)})


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_told_and_held(name: str, top: Path, begin: Begin) -> None:
    """By way of a window that began before it, so that the whole operation is one window's."""
    operation, wanted = OPERATIONS[name]
    run = begin(top, batch_ms=60_000)
    (top / "opens the window").touch()
    run.until(lambda: run.service.log.head > run.seq)
    run.sync()  # ends that window ...
    (top / "opens the window").unlink()
    run.until(lambda: run.service.log.head > run.seq)  # ... and this opens one that lasts until the next sync
    run.sync()
    seen = run.seq
    (top / "opens the window").touch()
    run.until(lambda: run.service.log.head > seen)
    operation(top)
    told = settled([change for change in run.changes() if change[1] != "opens the window"])
    if name == "swap":
        assert [kind for kind, _ in told] == [kind for kind, _ in wanted]
    else:
        assert told == wanted
    assert run.changes() == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_out_of_the_quiet_is_held(name: str, top: Path, begin: Begin) -> None:
    run = begin(top)
    OPERATIONS[name][0](top)
    run.sync()


def test_a_write_through_one_name_is_told_of_the_other(top: Path, begin: Begin) -> None:
    (top / "e" / "other").hardlink_to(top / "a")
    run = begin(top)
    append(top / "a")
    assert settled(run.changes()) == [("modified", "a"), ("modified", "e/other")]
    (top / "d" / "third").hardlink_to(top / "b")  # the kernel tells nothing of the first name ...
    run.sync()
    append(top / "d" / "third")
    assert settled(run.changes()) == [("modified", "b"), ("modified", "d/third")]
    (top / "b").unlink()
    assert run.changes() == [("deleted", "b")]


# ---------------------------------------------------------------- storms


def churn(top: Path, rng: Random, steps: int) -> None:
    """Random operations on few names, so that they meet."""
    names = ["a", "b", "c", "d"]
    for _ in range(steps):
        one, other = (top.joinpath(*rng.choices(names, k=rng.randrange(1, 4))) for _ in range(2))
        try:
            match rng.randrange(8):
                case 0 | 1:
                    one.mkdir(parents=True)
                case 2 | 3:
                    one.write_text("x" * rng.randrange(4))
                case 4 | 5:
                    one.rename(other)
                case 6:
                    shutil.rmtree(one) if one.is_dir() else one.unlink()
                case _:
                    other.hardlink_to(one)
        except OSError:
            continue  # the step made no sense here: most don't


@pytest.mark.parametrize("seed", range(8))
def test_a_storm_is_held_at_every_barrier(seed: int, tmp_path: Path, begin: Begin) -> None:
    rng, run = Random(seed), begin(tmp_path, batch_ms=[0, 50][seed % 2], batch_max_bytes=[1, 1 << 20][seed // 2 % 2])
    for _ in range(15):
        churn(tmp_path, rng, rng.randrange(1, 60))
        run.sync()
        assert run.changes() == []


def test_storms_from_many_threads_are_held_in_the_end(tmp_path: Path, begin: Begin) -> None:
    run = begin(tmp_path, batch_ms=1)
    for turn in range(5):
        team = [threading.Thread(target=churn, args=(tmp_path, Random(turn * 10 + n), 150)) for n in range(4)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        run.sync()


def test_lost_hints_lose_nothing(tmp_path: Path, begin: Begin) -> None:
    """The kernel's queue runs over again and again: here the watcher throws away what it heard, and says so."""
    run = begin(tmp_path, watcher=Forgetful())
    rng = Random(5)
    for _ in range(10):
        churn(tmp_path, rng, 40)
        run.sync()


class Forgetful(InotifyWatcher):
    """Loses every hint and says that hints were lost."""

    def drain(self) -> Hints:
        return Hints(overflow=bool(super().drain()))


# ---------------------------------------------------------------- time


def test_the_first_change_after_a_quiet_time_does_not_wait(top: Path, begin: Begin) -> None:
    """The window is a minute: the first change is there at once, the second is told by a sync that ends the window."""
    run = begin(top, batch_ms=60_000)
    (top / "one").mkdir()
    run.until(lambda: run.service.log.head > run.seq)
    (top / "two").mkdir()
    assert ("created", "two") in run.changes()


def test_a_window_is_one_batch(top: Path, begin: Begin) -> None:
    run = begin(top, batch_ms=60_000)
    (top / "opens").mkdir()
    run.until(lambda: run.service.log.head > run.seq)
    for n in range(100):
        (top / f"n{n}").mkdir()
    batches = run.sync()
    assert [len(batch.changes) for batch in batches] in ([1, 100], [101])


def test_a_sync_with_nothing_new_keeps_the_clock(top: Path, begin: Begin) -> None:
    run = begin(top)
    first = run.service.sync().result(DEADLINE_S)
    assert [run.service.sync().result(DEADLINE_S) for _ in range(100)] == [first] * 100
    assert run.service.view() is run.service.view()


# ---------------------------------------------------------------- roots


def test_several_roots_have_one_clock(top: Path, tmp_path: Path, begin: Begin) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run = begin(top, other)
    (other / "x").write_text("x")
    (top / "a").rename(other / "a")
    paths = {change.path for batch in run.sync() for change in batch.changes}
    assert paths >= {os.fsencode(other / "x"), os.fsencode(other / "a")}
    assert [run.tree.name(root) for root in run.tree.roots()] == [os.fsencode(top), os.fsencode(other)]


def test_a_root_that_ends_is_empty_until_it_is_made_again(top: Path, begin: Begin) -> None:
    run = begin(top)
    root = run.tree.roots()[0]
    shutil.rmtree(top)
    clock = run.service.sync().result(DEADLINE_S)
    assert clock.seq > run.seq
    assert run.service.view().tree.totals(root) == (0, 0, 0)
    assert run.service.state == "ready"
    top.mkdir()
    (top / "again").write_text("x")
    run.sync()
    (top / "later").write_text("y")
    assert run.changes() == [("created", "later")]


def test_a_missing_root_is_looked_for_while_another_is_busy(top: Path, tmp_path: Path, begin: Begin) -> None:
    """No one syncs; and the other root's hints keep coming."""
    other = tmp_path / "other"
    other.mkdir()
    run = begin(top, other, batch_ms=1)
    shutil.rmtree(top)
    run.service.sync().result(DEADLINE_S)
    top.mkdir()
    (top / "again").mkdir()
    deadline = time.monotonic() + DEADLINE_S
    while run.service.view().tree.resolve(os.fsencode(top / "again")) == NO_ID:
        assert time.monotonic() < deadline, "the root was not found again"
        (other / "x").touch()
        (other / "x").unlink()
    run.sync()


def test_a_root_replaced_by_another_directory(top: Path, begin: Begin) -> None:
    run = begin(top)
    top.rename(top.with_name("aside"))
    top.mkdir()
    (top / "new").write_text("x")
    run.sync()
    (top / "new").unlink()
    assert run.changes() == [("deleted", "new")]


# ---------------------------------------------------------------- ends and failures


def test_a_root_that_is_not_there(tmp_path: Path, begin: Begin) -> None:
    service = begin(tmp_path / "nothing").service
    assert service.state == "failed"
    assert service.failure is not None
    assert str(tmp_path / "nothing") in str(service.failure)
    with pytest.raises(SmarttreeError):
        service.sync()
    with pytest.raises(SmarttreeError):
        service.view()


class Broken(InotifyWatcher):
    """Fails when told to."""

    failure: Exception | None = None

    def drain(self) -> Hints:
        if self.failure is not None:
            raise self.failure
        return super().drain()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RuntimeError("a defect"), EngineFailure), (OSError(errno.ENOSPC, "no space"), SystemLimit)],
)
def test_a_failure_of_the_engine_is_seen(error: Exception, kind: type[SmarttreeError], top: Path, begin: Begin) -> None:
    watcher = Broken()
    service = begin(top, watcher=watcher).service
    service.sync().result(DEADLINE_S)
    watcher.failure = error
    with pytest.raises(kind):
        service.sync().result(DEADLINE_S)
    assert service.state == "failed"
    assert isinstance(service.failure, kind)
    for call in (service.sync, service.view):
        with pytest.raises(kind):
            call()
    service.stop()


def test_a_listener_hears_of_the_end(top: Path) -> None:
    watcher, states = Broken(), []
    service = Service(config(top), watcher=watcher)
    run_ended = threading.Event()

    def listen() -> None:
        states.append(service.state)
        if service.state == "failed":
            run_ended.set()

    service.add_listener(listen)
    watcher.failure = RuntimeError("a defect")
    service.start()
    assert run_ended.wait(DEADLINE_S)
    assert states[-1] == "failed"
    service.stop()


class Gate(InotifyWatcher):
    """Lets the scan begin, and then holds the engine until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def start(self, wake: WakeUp) -> None:
        super().start(wake)
        self.reached.set()
        assert self.open.wait(DEADLINE_S)


def test_stop_ends_a_running_scan(top: Path) -> None:
    gate = Gate()
    service = Service(config(top), watcher=gate)
    service.start()
    assert gate.reached.wait(DEADLINE_S)
    with pytest.raises(NotReady):
        service.sync()
    with pytest.raises(NotReady):
        service.view()
    stopping = threading.Thread(target=service.stop)
    stopping.start()
    gate.open.set()
    stopping.join(DEADLINE_S)
    assert not stopping.is_alive()
    assert service.state == "failed"
    assert isinstance(service.failure, NotReady)


def test_stop_is_prompt_and_may_be_said_twice(top: Path) -> None:
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(5):
        run = Run(Service(config(top, batch_ms=60_000)))
        (top / "x").touch()
        run.until(lambda: run.service.log.head > run.seq)  # noqa: B023 - called at once
        began = time.monotonic()
        run.service.stop()
        run.service.stop()
        assert time.monotonic() - began < 1
        (top / "x").unlink()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


def test_stop_before_start_is_no_error(top: Path) -> None:
    Service(config(top)).stop()


def test_a_sync_after_the_end_is_refused(top: Path, begin: Begin) -> None:
    """Never a future that no one will answer."""
    service = begin(top).service
    service.stop()
    with pytest.raises(NotReady):
        service.sync().result(DEADLINE_S / 10)


def test_syncs_under_way_at_the_end_are_answered(top: Path, begin: Begin) -> None:
    service = begin(top).service
    futures = [service.sync() for _ in range(200)]
    service.stop()
    for future in futures:
        try:
            assert future.result(DEADLINE_S / 10).seq >= 1
        except NotReady:
            continue


def test_a_cancelled_sync_harms_no_one(top: Path, begin: Begin) -> None:
    run = begin(top)
    for _ in range(300):
        run.service.sync().cancel()
    assert run.service.sync().result(DEADLINE_S)
    assert run.service.state == "ready"


def test_a_view_is_whole_while_all_changes(tmp_path: Path, begin: Begin) -> None:
    """Views taken at any moment: each is one clock's state, digest and all, and never goes back."""
    run, stop = begin(tmp_path, batch_ms=0), threading.Event()
    rng = Random(9)

    def storm() -> None:
        while not stop.is_set():
            churn(tmp_path, rng, 20)

    thread = threading.Thread(target=storm)
    thread.start()
    last, views = 0, []
    deadline = time.monotonic() + DEADLINE_S
    while len(views) < 100:
        assert time.monotonic() < deadline, "the clock stands still"
        view = run.service.view()
        assert view.clock.seq >= last
        if view.clock.seq > last:
            views.append(view)
        last = view.clock.seq
    stop.set()
    thread.join()
    run.sync()
    batches = {batch.to_seq: batch for batch in run.service.log.after(1) or ()}
    for view in views[1:]:
        assert view.digest == view.tree.digest(SERVICE_ID) == batches[view.clock.seq].digest
        assert view.tree.totals(SERVICE_ID) == batches[view.clock.seq].totals
