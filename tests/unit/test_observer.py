"""Our Observer, on each watcher, beside watchdog's own: all on one directory while the same things are done to it.

The equivalence: the sets of (event, path, new path) are equal, but for what each case states as told by one of the two
alone; left out are Opened and ClosedNoWrite, which we never send, and what is said of a directory's being modified when
that is gone in the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from watchdog.events import FileOpenedEvent
from watchdog.observers.inotify import InotifyObserver

from smarttree.observer import Observer
from tests.follower import Follower, Recorder, Told, look
from tests.running import DEADLINE_S, top
from tests.watchers import NAMES

__all__ = ["top"]

# It warns when it watches a directory that it watches already, under another path.
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")

END: Told = ("DirCreated", "end", "")
Step = Callable[[Path, Path], object]
"""Does something below the first path; the second is a directory beside it, with `file` and `tree/in/it` in it."""


@dataclass(frozen=True)
class Case:
    """Steps, with a barrier after each; and what only one of the two tells."""

    steps: tuple[Step, ...]
    ours: frozenset[Told] = frozenset()
    watchdogs: frozenset[Told] = frozenset()


def case(*steps: Step, ours: str = "", watchdogs: str = "") -> Case:
    """Events are written as `Class path [new path]`, one a line."""
    return Case(steps, parse(ours), parse(watchdogs))


def parse(text: str) -> frozenset[Told]:
    lines = [[*line.split(), ""] for line in text.splitlines() if line.strip()]
    return frozenset((kind, path, new) for kind, path, new, *_ in lines)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def replace_by_directory(top: Path, _: Path) -> None:
    (top / "a").unlink()
    (top / "a").mkdir()


FILES = {
    "an empty file": case(lambda top, _: (top / "n").touch()),
    "a file with content": case(lambda top, _: (top / "n").write_text("n")),
    "append": case(lambda top, _: append(top / "a")),
    "write anew": case(lambda top, _: (top / "a").write_text("A")),
    "truncate": case(lambda top, _: os.truncate(top / "b", 1)),
    "delete": case(lambda top, _: (top / "d" / "f").unlink()),
    "permissions": case(lambda top, _: (top / "a").chmod(0o600)),
    # A time that moves is all that some writes leave (by mmap, or by another host), so it is told as one.
    "times": case(lambda top, _: os.utime(top / "a", (1, 1)), ours="FileModified a"),
    "rename": case(lambda top, _: (top / "a").rename(top / "c")),
    "rename into another directory": case(lambda top, _: (top / "a").rename(top / "e" / "c")),
    "rename over a file": case(lambda top, _: (top / "a").rename(top / "d" / "f")),
    "rename, then write": case(lambda top, _: (top / "a").rename(top / "c"), lambda top, _: append(top / "c")),
    "rename, then write the old name": case(
        lambda top, _: (top / "a").rename(top / "c"), lambda top, _: (top / "a").write_text("new")
    ),
    "rename away": case(lambda top, out: (top / "a").rename(out / "a")),
    # What a rename brings is whole: who waits for that is told so.
    "rename into": case(lambda top, out: (out / "file").rename(top / "n"), ours="FileModified n\nFileClosed n"),
    "atomic save, seen in between": case(
        lambda top, _: (top / "a.tmp").write_text("aaa"), lambda top, _: (top / "a.tmp").rename(top / "a")
    ),
    "replaced by a directory": case(replace_by_directory),
    "a link": case(lambda top, _: (top / "n").symlink_to("d")),
    "a broken link": case(lambda top, _: (top / "n").symlink_to("nowhere")),
    "a link is moved": case(
        lambda top, _: (top / "n").symlink_to("d"), lambda top, _: (top / "n").rename(top / "e" / "m")
    ),
    "a pipe": case(lambda top, _: os.mkfifo(top / "n")),
    # The number of links belongs to the file, whatever its name.
    "a hard link": case(lambda top, _: (top / "n").hardlink_to(top / "a"), ours="FileModified n\nFileAttrib a"),
    # watchdog tells of the name that was written through alone.
    "a write through a hard link": case(
        lambda top, _: (top / "n").hardlink_to(top / "a"),
        lambda top, _: append(top / "n"),
        ours="FileAttrib a\nFileModified a",
    ),
    "odd names": case(lambda top, _: open(os.fsencode(top) + b"/\xff\n", "wb").close()),
}

DIRECTORIES = {
    "a directory": case(lambda top, _: (top / "n").mkdir()),
    "in a new directory": case(
        lambda top, _: (top / "n").mkdir(),
        lambda top, _: (top / "n" / "m").mkdir(),
        lambda top, _: (top / "n" / "m" / "f").write_text("f"),
    ),
    "remove": case(lambda top, _: (top / "e").rmdir()),
    "permissions": case(lambda top, _: (top / "e").chmod(0o700)),
    "permissions of the top": case(lambda top, _: top.chmod(0o700)),
    "rename": case(lambda top, _: (top / "d").rename(top / "n")),
    "rename into another": case(lambda top, _: (top / "d").rename(top / "e" / "n")),
    # It was another directory, and has ended; watchdog hears of its links only.
    "rename over an empty one": case(
        lambda top, _: (top / "d").rename(top / "e"), ours="DirDeleted e", watchdogs="DirAttrib e"
    ),
    "rename, then write in it": case(
        lambda top, _: (top / "d").rename(top / "n"),
        lambda top, _: append(top / "n" / "deep" / "g"),
        lambda top, _: (top / "n" / "h").write_text("h"),
        lambda top, _: (top / "n" / "deep").rename(top / "n" / "deeper"),
        lambda top, _: (top / "n" / "deeper" / "g").unlink(),
    ),
    "remove a tree": case(lambda top, _: shutil.rmtree(top / "d")),
    # watchdog tells nothing of what was in it.
    "rename a tree away": case(
        lambda top, out: (top / "d").rename(out / "d"),
        ours="FileDeleted d/f\nFileDeleted d/deep/g\nDirDeleted d/deep",
    ),
    "rename a tree into": case(
        lambda top, out: (out / "tree").rename(top / "n"),
        ours="DirModified n\nDirModified n/in\nFileModified n/in/it",
    ),
    # Its walk takes a link to a directory for one.
    "rename a tree with a link in it": case(
        lambda top, _: (top / "d" / "l").symlink_to("deep"),
        lambda top, _: (top / "d").rename(top / "n"),
        ours="FileMoved d/l n/l",
        watchdogs="DirMoved d/l n/l",
    ),
}

CASES = {f"{kind}: {name}": it for kind, cases in (("file", FILES), ("dir", DIRECTORIES)) for name, it in cases.items()}


class Rivals:
    """Our observers, one on each watcher, and watchdog's own, on one directory; and what each tells."""

    def __init__(self, top: Path, *, recursive: bool) -> None:
        self.top = top
        self.ours = {name: Recorder(top) for name in NAMES}
        self.watchdogs = Recorder(top)
        self.followers = [Follower(top) for _ in NAMES]
        self._observers = [Observer(watcher=name) for name in NAMES]
        self._watchdog = InotifyObserver()
        for observer, recorder, follower in zip(self._observers, self.ours.values(), self.followers, strict=True):
            watch = observer.schedule(recorder, top, recursive=recursive)
            observer.add_handler_for_watch(follower, watch)
            observer.start()
        self._watchdog.schedule(self.watchdogs, top, recursive=recursive)
        self._watchdog.start()

    def flush(self) -> None:
        for observer in self._observers:
            observer.flush(DEADLINE_S)

    def finish(self) -> None:
        """Have all told."""
        (self.top / END[1]).mkdir()
        self.flush()
        self.watchdogs.until(lambda: END in self.watchdogs.told(), DEADLINE_S)

    def check(self, it: Case) -> None:
        """The equivalence, now that all is told."""
        watchdogs = self._counted(self.watchdogs)
        for name, recorder in self.ours.items():
            ours = self._counted(recorder)
            assert ours - watchdogs == it.ours, name
            assert watchdogs - ours == it.watchdogs, name
            assert not {kind for kind, *_ in recorder.told()} & {"FileOpened", "FileClosedNoWrite"}

    def _counted(self, recorder: Recorder) -> set[Told]:
        events = recorder.told()
        return {event for event in events[: events.index(END)] if self._counts(*event)}

    def _counts(self, kind: str, path: str, _: str) -> bool:
        if kind == "DirModified":
            return (self.top / path).is_dir()
        return kind not in ("FileOpened", "FileClosedNoWrite")

    def stop(self) -> None:
        for observer in (*self._observers, self._watchdog):
            observer.stop()
            observer.join()


Begin = Callable[..., Rivals]


@pytest.fixture
def rivals(top: Path) -> Iterator[Begin]:
    begun: list[Rivals] = []

    def begin(*, recursive: bool = True) -> Rivals:
        begun.append(Rivals(top, recursive=recursive))
        return begun[-1]

    yield begin
    for it in begun:
        it.stop()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out" / "tree" / "in").mkdir(parents=True)
    (tmp_path / "out" / "tree" / "in" / "it").write_text("it")
    (tmp_path / "out" / "file").write_text("file")
    return tmp_path / "out"


@pytest.mark.parametrize("it", CASES.values(), ids=CASES)
def test_events_are_watchdogs(it: Case, top: Path, out: Path, rivals: Begin) -> None:
    run = rivals()
    for step in it.steps:
        step(top, out)
        run.flush()
    run.finish()
    run.check(it)
    for follower in run.followers:
        assert follower.wrong == []
        assert follower.held == look(str(top))


FLAT = {
    "file": case(lambda top, _: (top / "n").write_text("n"), lambda top, _: (top / "n").unlink()),
    "directory": case(lambda top, _: (top / "n").mkdir(), lambda top, _: (top / "n").rename(top / "m")),
    "below": case(
        lambda top, _: (top / "d" / "f").write_text("n"),
        lambda top, _: (top / "d" / "n").mkdir(),
        lambda top, _: shutil.rmtree(top / "d" / "deep"),
    ),
    "into a directory": case(lambda top, _: (top / "a").rename(top / "e" / "a")),
    "out of a directory": case(lambda top, _: (top / "d" / "f").rename(top / "n"), ours="FileModified n\nFileClosed n"),
    "remove a tree": case(lambda top, _: shutil.rmtree(top / "d")),
    "rename a tree": case(lambda top, _: (top / "d").rename(top / "n")),
}


@pytest.mark.parametrize("it", FLAT.values(), ids=FLAT)
def test_events_of_one_level_are_watchdogs(it: Case, top: Path, out: Path, rivals: Begin) -> None:
    run = rivals(recursive=False)
    for step in it.steps:
        step(top, out)
        run.flush()
    run.finish()
    run.check(it)


def test_opened_is_watchdogs_alone(top: Path, rivals: Begin) -> None:
    """The one kind that a program may miss: see that this test would see it."""
    run = rivals()
    (top / "a").read_text()
    run.finish()
    assert [type(event) for event in run.watchdogs.events].count(FileOpenedEvent) >= 1
