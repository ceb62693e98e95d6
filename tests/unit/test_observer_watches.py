"""The Observer's watches: what each is told, under which names; and that they come and go while it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from watchdog.events import (
    FileCreatedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
    PatternMatchingEventHandler,
)

from smarttree.observer import Observer
from tests.follower import Recorder, Watch, observe
from tests.running import DEADLINE_S, top

__all__ = ["observe", "top"]


def test_events_name_paths_as_they_were_given(
    top: Path, tmp_path: Path, observe: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(top)
    monkeypatch.chdir(tmp_path)
    for shown in ("top", "./top/", str(tmp_path / "link")):
        recorder = Recorder(top)
        observer = observe(recorder, shown)
        (top / "d" / "n").touch()
        observer.flush(DEADLINE_S)
        (top / "d" / "n").unlink()
        observer.flush(DEADLINE_S)
        paths = {event.src_path for event in recorder.events if event.event_type in ("created", "deleted")}
        assert paths == {os.path.join(shown, "d/n")}


def test_bytes_give_bytes(top: Path, observe: Watch) -> None:
    recorder = Recorder(top)
    observer = observe(recorder, os.fsencode(top))
    (top / "n").touch()
    observer.flush(DEADLINE_S)
    assert recorder.events[0] == FileCreatedEvent(os.fsencode(top / "n"))


def test_a_single_file(top: Path, observe: Watch) -> None:
    recorder = Recorder(top)
    observer = observe(recorder, top / "a")
    (top / "b").write_text("x")
    (top / "a").write_text("x")
    observer.flush(DEADLINE_S)
    (top / "a").rename(top / "c")
    observer.flush(DEADLINE_S)
    assert set(recorder.told()) == {("FileModified", "a", ""), ("FileClosed", "a", ""), ("FileMoved", "a", "c")}


def test_the_filter_is_kept(top: Path, observe: Watch) -> None:
    recorder = Recorder(top)
    observer = observe(recorder, top, event_filter=[FileCreatedEvent, FileMovedEvent])
    (top / "n").write_text("n")
    observer.flush(DEADLINE_S)
    (top / "n").rename(top / "m")
    observer.flush(DEADLINE_S)
    expected = [FileCreatedEvent(str(top / "n")), FileMovedEvent(str(top / "n"), str(top / "m"))]
    assert recorder.events == expected


def test_watches_come_and_go_while_it_runs(top: Path, observe: Watch) -> None:
    first, second = Recorder(top), Recorder(top)
    observer = observe(first, top / "d")
    watch_of_e = observer.schedule(second, str(top / "e"), recursive=True)
    (top / "e" / "n").mkdir()
    observer.flush(DEADLINE_S)
    assert ("DirCreated", "e/n", "") in second.told()
    observer.unschedule(watch_of_e)
    count = len(second.events)
    (top / "e" / "m").mkdir()
    (top / "d" / "m").mkdir()
    observer.flush(DEADLINE_S)
    assert len(second.events) == count
    assert first.told()[0] == ("DirCreated", "d/m", "")


def test_each_watch_of_an_observer_hears_of_its_own(top: Path, observe: Watch) -> None:
    whole, one, level = Recorder(top), Recorder(top), Recorder(top)
    observer = observe(whole, top)
    observer.schedule(one, top / "d", recursive=True)
    observer.schedule(level, top, recursive=False)
    (top / "d" / "deep" / "n").touch()
    observer.flush(DEADLINE_S)
    assert ("FileCreated", "d/deep/n", "") in set(whole.told()) & set(one.told())
    assert level.told() == []
    observer.unschedule_all()
    count = len(whole.events)
    (top / "m").touch()
    observer.flush(DEADLINE_S)
    assert observer.emitters == set()
    assert len(whole.events) == count


def test_handlers_come_and_go_while_it_runs(top: Path, observe: Watch) -> None:
    first, second = Recorder(top), Recorder(top)
    observer = observe(first, top)
    watched = next(iter(observer.emitters)).watch
    observer.add_handler_for_watch(second, watched)
    (top / "n").mkdir()
    observer.flush(DEADLINE_S)
    assert second.told() == first.told() != []
    observer.remove_handler_for_watch(first, watched)
    count = len(first.events)
    (top / "m").mkdir()
    observer.flush(DEADLINE_S)
    assert len(first.events) == count
    assert ("DirCreated", "m", "") in second.told()


class Matched(PatternMatchingEventHandler):
    """Keeps what matches."""

    def __init__(self, **patterns: object) -> None:
        super().__init__(**patterns)  # type: ignore[arg-type]
        self.created: list[str] = []

    def on_created(self, event: FileSystemEvent) -> None:
        self.created.append(os.path.basename(os.fsdecode(event.src_path)))


def test_patterns_match(top: Path, observe: Watch) -> None:
    handler = Matched(patterns=["**/*.py"], ignore_patterns=["**/skip*"], ignore_directories=True)
    observer = observe(handler, top)
    for name in ("n.py", "n.txt", "skip.py"):
        (top / "d" / name).touch()
    (top / "d.py").mkdir()
    observer.flush(DEADLINE_S)
    assert handler.created == ["n.py"]


def test_a_filter_for_what_is_never_sent_is_said(top: Path, caplog: pytest.LogCaptureFixture) -> None:
    Observer().schedule(Recorder(top), str(top), event_filter=[FileOpenedEvent, FileCreatedEvent])
    assert [record.message for record in caplog.records] == [
        f"FileOpenedEvent is asked for on {top}, and is never sent"
    ]


class Unscheduler(FileSystemEventHandler):
    """Ends its own observer's watches from within."""

    def __init__(self) -> None:
        self.observer: Observer | None = None

    def on_created(self, event: FileSystemEvent) -> None:
        assert self.observer is not None
        self.observer.unschedule_all()


def test_a_handler_may_end_its_watch(top: Path, observe: Watch) -> None:
    handler = Unscheduler()
    handler.observer = observe(handler, top)
    emitter = next(iter(handler.observer.emitters))
    (top / "n").touch()
    emitter.join(DEADLINE_S)
    assert not emitter.is_alive()
    assert handler.observer.is_alive()


def test_stop_ends_it_and_gives_back_every_thread(top: Path, observe: Watch) -> None:
    observer = observe(Recorder(top), top)
    emitters = list(observer.emitters)
    observer.stop()
    observer.join(DEADLINE_S)
    observer.stop()
    assert not observer.is_alive()
    assert not any(emitter.is_alive() for emitter in emitters)
    assert observer.failure is None
    with pytest.raises(RuntimeError):
        observer.start()


def test_as_a_context_it_starts_and_ends(top: Path) -> None:
    recorder = Recorder(top)
    with Observer() as observer:
        observer.schedule(recorder, top)
        (top / "n").mkdir()
        observer.flush(DEADLINE_S)
    assert not observer.is_alive()
    assert ("DirCreated", "n", "") in recorder.told()


def test_schedule_while_it_runs_says_what_is_wrong(top: Path, observe: Watch) -> None:
    recorder = Recorder(top)
    observer = observe(recorder, top)
    with pytest.raises(FileNotFoundError):
        observer.schedule(Recorder(top), str(top / "nothing"), recursive=True)
    (top / "n").mkdir()
    observer.flush(DEADLINE_S)
    assert ("DirCreated", "n", "") in recorder.told()


def test_links_are_not_followed_and_it_is_said(top: Path) -> None:
    with pytest.raises(ValueError, match="not followed"):
        Observer().schedule(Recorder(top), str(top), follow_symlink=True)
