"""The Observer as a program lives with it: nothing is lost in storms and after lost hints, and its ends are seen."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path
from random import Random

import pytest
from watchdog.events import (
    FileSystemEvent,
    FileSystemEventHandler,
)

from smarttree import watch
from smarttree._watched import Event
from smarttree.observer import Observer
from smarttree.watch.linux import InotifyWatcher
from smarttree.watch.queue import Q_OVERFLOW
from tests.follower import Follower, Recorder, Watch, look, observe
from tests.running import DEADLINE_S, churn, top

__all__ = ["observe", "top"]

# ---------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize("seed", range(3))
def test_who_follows_the_events_holds_the_disk(seed: int, top: Path, observe: Watch) -> None:
    follower, rng = Follower(top), Random(seed)
    observer = observe(follower, top)
    for _ in range(15):
        churn(top, rng, rng.choice([1, 5, 100]))
        observer.flush(DEADLINE_S)
        assert follower.wrong == []
        assert follower.held == look(str(top))


def test_one_level_alone(top: Path, observe: Watch) -> None:
    follower, rng = Follower(top), Random(9)
    follower.held = look(str(top), recursive=False)
    observer = observe(follower, top, recursive=False)
    for _ in range(15):
        churn(top, rng, 20)
        observer.flush(DEADLINE_S)
        assert follower.wrong == []
        assert follower.held == look(str(top), recursive=False)


class Deaf(InotifyWatcher):
    """Hears only that something was lost."""

    def _hear(self, events: list[Event]) -> None:
        super()._hear([(-1, Q_OVERFLOW, b"")] if events else [])


def test_lost_hints_lose_no_event(top: Path, observe: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "choose", lambda *_, **__: Deaf())
    follower, rng = Follower(top), Random(5)
    observer = observe(follower, top)
    for _ in range(15):
        churn(top, rng, 20)
        observer.flush(DEADLINE_S)
        assert follower.wrong == []
        assert follower.held == look(str(top))


def test_a_burst_and_writes_in_renamed_directories(top: Path, observe: Watch) -> None:
    """Files made and renamed, then their directories, which are then written in, and moved again."""
    follower = Follower(top)
    observer = observe(follower, top)
    for number in range(60):
        directory = top / f"d{number}"
        directory.mkdir()
        for name in range(50):
            (directory / f"f{name}").write_text("1")
            (directory / f"f{name}").rename(directory / f"g{name}")
    for number in range(60):
        (top / f"d{number}").rename(top / f"e{number}")
        for name in range(0, 50, 10):
            (top / f"e{number}" / f"g{name}").write_text("22")
        (top / f"e{number}").rename(top / f"e{number // 2 * 2}" / "in" if number % 2 else top / f"h{number}")
        if not number % 2:
            (top / f"h{number}").rename(top / f"e{number}")
    observer.flush(6 * DEADLINE_S)
    assert follower.wrong == []
    assert follower.held == look(str(top))


class Finished(FileSystemEventHandler):
    """Reads a file when it is told to be whole: closed, or moved to its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.text = ""

    def on_any_event(self, event: FileSystemEvent) -> None:
        at = event.dest_path if event.event_type == "moved" else event.src_path
        if event.event_type in ("closed", "moved") and at == str(self._path):
            self.text = self._path.read_text()


def test_who_waits_for_whole_files_misses_no_atomic_save(top: Path, observe: Watch) -> None:
    """However fast it went: the temporary name may never have been seen."""
    finished = Finished(top / "a")
    observer = observe(finished, top)
    for number in range(100):
        (top / "tmp").write_text(str(number))
        (top / "tmp").rename(top / "a")
        if not number % 5:
            observer.flush(DEADLINE_S)
            assert finished.text == str(number)


def test_a_write_and_a_rename_in_one_window_are_both_told(top: Path, observe: Watch) -> None:
    recorder = Recorder(top)
    observer = observe(recorder, top)
    names = ["a", "c"]
    for number in range(30):
        old, new = names[number % 2], names[(number + 1) % 2]
        (top / old).write_text(str(number))
        (top / old).rename(top / new)
        observer.flush(DEADLINE_S)
        told = set(recorder.told())
        # A look between the rename and the kernel's word of it can't know that it was one.
        assert ("FileMoved", old, new) in told or {("FileDeleted", old, ""), ("FileCreated", new, "")} <= told
        assert {("FileModified", old, ""), ("FileModified", new, "")} & told
        recorder.events.clear()


# ---------------------------------------------------------------- the root, and failures


def test_a_root_that_ends_and_comes_back(top: Path, observe: Watch) -> None:
    recorder, follower = Recorder(top), Follower(top)
    observer = observe(recorder, top)
    observer.add_handler_for_watch(follower, next(iter(observer.emitters)).watch)
    shutil.rmtree(top)
    observer.flush(DEADLINE_S)
    assert recorder.told()[-1] == ("DirDeleted", ".", "")
    recorder.events.clear()
    top.mkdir()
    (top / "n").write_text("n")
    observer.flush(DEADLINE_S)
    assert recorder.told()[:2] == [("DirCreated", ".", ""), ("FileCreated", "n", "")]
    (top / "n").write_text("nn")
    observer.flush(DEADLINE_S)
    assert follower.wrong == []
    assert follower.held == look(str(top))


@pytest.mark.parametrize(("name", "kind"), [("nothing", FileNotFoundError), ("top/pipe", NotADirectoryError)])
def test_start_says_what_is_wrong(name: str, kind: type[OSError], top: Path, tmp_path: Path) -> None:
    os.mkfifo(top / "pipe")
    observer = Observer()
    observer.schedule(Recorder(top), str(tmp_path / name), recursive=True)
    with pytest.raises(kind):
        observer.start()


class Limited(InotifyWatcher):
    """No more watches are to be had, once `full`."""

    full = False

    def bind(self, watches: object, asides: object = ()) -> list[tuple[int, int]]:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().bind(watches, asides)  # type: ignore[arg-type]


def test_start_raises_at_the_limit_of_watches(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Limited()
    watcher.full = True
    monkeypatch.setattr(watch, "choose", lambda *_, **__: watcher)
    observer = Observer()
    observer.schedule(Recorder(top), str(top), recursive=True)
    with pytest.raises(OSError, match="max_user_watches") as caught:
        observer.start()
    assert caught.value.errno == errno.ENOSPC
    assert not observer.is_alive()


def test_a_failure_ends_the_observer_after_what_was_found(
    top: Path, observe: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watcher, recorder = Limited(), Recorder(top)
    monkeypatch.setattr(watch, "choose", lambda *_, **__: watcher)
    observer = observe(recorder, top)
    (top / "n").touch()
    observer.flush(DEADLINE_S)
    watcher.full = True
    with caplog.at_level(logging.ERROR):
        (top / "m").mkdir()
        observer.join(DEADLINE_S)
    assert not observer.is_alive()
    assert observer.failure is not None
    assert observer.failure.errno == errno.ENOSPC
    assert "the observer ends" in caplog.text
    assert ("FileCreated", "n", "") in recorder.told()
    assert observer.emitters == set()
