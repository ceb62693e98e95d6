"""The law of the service: one clock, told in time; and when the engine ends, everyone who waits is told."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from pathlib import Path
from random import Random

import pytest

from smarttree.errors import NotReady, SmarttreeError, SystemLimit, WatcherUnavailable
from smarttree.modes import View
from smarttree.service import EngineFailure, Service
from smarttree.tree import NO_ID, SERVICE_ID, Tree
from smarttree.watch.base import Hints, WakeUp
from smarttree.watch.linux import InotifyWatcher
from tests.running import DEADLINE_S, Begin, Run, begin, churn, config, top
from tests.watchers import BY_NAME

__all__ = ["begin", "top"]

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
    (top / "opens").touch()  # not a directory: after one of those the engine looks again at once
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
    (top / "later").touch()
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


@pytest.mark.parametrize("name", BY_NAME)
def test_the_watcher_in_use_is_named(name: str, top: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "smarttree"):
        run = Run(Service(config(top, watcher=name)))
        run.service.stop()
    assert f"watching by {name}" in caplog.messages


def test_a_watcher_that_can_not_be_had_ends_the_service(top: Path) -> None:
    service = Run(Service(config(top, watcher="fsevents"))).service
    assert isinstance(service.failure, WatcherUnavailable)
    service.stop()


class Broken(InotifyWatcher):
    """Fails when told to."""

    failure: Exception | None = None

    def drain(self, *, barrier: bool = True) -> Hints:
        if self.failure is not None:
            raise self.failure
        return super().drain(barrier=barrier)


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

    def start(self, wake: WakeUp, tree: Tree, *, ends: bool = False) -> None:
        super().start(wake, tree, ends=ends)
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
    last = 0
    views: list[View] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(views) < 30:
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
