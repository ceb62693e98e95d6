"""One who follows watchdog's events, and holds the tree and the contents that they told of.

Law: each event is possible when it comes; what is read when a file is told as new or modified is, in the end, what the
file has.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent, FileSystemEventHandler

from smarttree.observer import Observer
from tests.watchers import QUEUES

Told = tuple[str, str, str]
"""An event's class without "Event", and its paths below the top ("." is the top itself, "" no path)."""

DIRECTORY = b"a directory"


class Recorder(FileSystemEventHandler):
    """Keeps all events. `until` waits for one."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._came = threading.Condition()
        self.events: list[FileSystemEvent] = []

    def on_any_event(self, event: FileSystemEvent) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        with self._came:
            assert self._came.wait_for(condition, timeout_s), "it did not come in time"

    def told(self) -> list[Told]:
        return [self.name(event) for event in self.events]

    def name(self, event: FileSystemEvent) -> Told:
        return type(event).__name__.removesuffix("Event"), self._below(event.src_path), self._below(event.dest_path)

    def _below(self, path: bytes | str) -> str:
        return os.path.relpath(os.fsdecode(path), self._top) if path else ""


class Follower(FileSystemEventHandler):
    """Holds what it was told: for each path DIRECTORY, or the content. AssertionErrors are in `wrong`."""

    def __init__(self, top: Path) -> None:
        self.held = look(os.fspath(top))
        self.wrong: list[str] = []
        self._top = os.fspath(top)

    def on_any_event(self, event: FileSystemEvent) -> None:
        problem = self._follow(event, os.fsdecode(event.src_path), os.fsdecode(event.dest_path))
        if problem:
            self.wrong.append(f"{problem}: {event}")

    def _follow(self, event: FileSystemEvent, path: str, new: str) -> str:
        if path == self._top:
            return ""
        if event.event_type == "created":
            if path in self.held or not self._is_open(path):
                return "is there already, or can't be there"
            self.held[path] = DIRECTORY if event.is_directory else content(path)
            return ""
        if path not in self.held or (self.held[path] == DIRECTORY) != event.is_directory:
            return "is not there, or is something else"
        if event.event_type == "modified" and not event.is_directory:
            self.held[path] = content(path)
        elif event.event_type == "deleted":
            del self.held[path]
            return "is not empty" if event.is_directory and any(it.startswith(path + "/") for it in self.held) else ""
        elif event.event_type == "moved":
            if not self._is_open(new):
                return "can't be there"
            del self.held[path]
            # What was read under the old name may have been another file's by then.
            self.held[new] = DIRECTORY if event.is_directory else content(new)
        return ""

    def _is_open(self, path: str) -> bool:
        above = os.path.dirname(path)
        return above == self._top or self.held.get(above) == DIRECTORY


def content(path: str) -> bytes:
    """What a file has; of a link, where it points to. Of what is gone by now a later event tells."""
    try:
        if os.path.islink(path):
            return os.fsencode(os.readlink(path))
        if not os.path.isfile(path):
            return b"?"  # a pipe would wait for a writer
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b"?"


def look(top: str, *, recursive: bool = True) -> dict[str, bytes]:
    """What there is, in the form of what a Follower holds."""
    found: dict[str, bytes] = {}
    for directory, inner, files in os.walk(top):
        for name in inner + files:
            path = os.path.join(directory, name)
            found[path] = DIRECTORY if os.path.isdir(path) and not os.path.islink(path) else content(path)
        if not recursive:
            break
    return found


Watch = Callable[..., Observer]


@pytest.fixture(params=QUEUES)
def observe(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Begins to watch a path, with a handler; on each of the watchers in turn."""
    begun: list[Observer] = []

    def begin(handler: FileSystemEventHandler, path: Path | str | bytes, **how: object) -> Observer:
        observer = Observer(watcher=request.param)
        observer.schedule(handler, path, **{"recursive": True, **how})  # type: ignore[arg-type]
        observer.start()
        begun.append(observer)
        return observer

    yield begin
    for observer in begun:
        observer.stop()
        observer.join()
