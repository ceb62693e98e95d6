"""Our engine as a watchdog Observer: `from smarttree.observer import Observer`, and nothing else in a program changes.

(`smarttree.observe` is another thing: the engine's own part that looks at the disk.)

Events are made from what was *found* on the disk, told in an order in which each is possible: a model that is fed by
them alone is the tree. Nothing is lost, whatever the kernel's queue loses. What happened, and what is sent:

- Created, Deleted, Moved, of files and directories: for each entry, also for all below a directory that was moved
  (`is_synthetic`, as watchdog does), came or went (watchdog is silent about what is in a directory that is moved away).
  A file moved over another is moved, as watchdog has it, where both were known before. What is moved on and on
  while we look for it may be told as Deleted and Created.
- Modified, of a file: its content was written, or its size or time of modification changed; also after Created where
  the file is not empty, or where something new was put in its place. Attrib: mode, owner or times changed.
- Modified, of a directory: after each entry that was created in it, deleted, moved, or closed after writing, unless the
  directory went with it; and where all that came to it was gone again when we looked.
- Closed: a file that was open for writing was closed, or a new one came by a rename. This is the kernel's word, not a
  state: it comes on Linux only, and not for a file that was closed before its new directory was watched. Who must not
  miss a file listens for Created and Modified too.
- Opened, ClosedNoWrite: never. They leave nothing that could be found.

What comes and goes between two looks (`BATCH_MS`, while things change) is not told, and what happened to one entry
meanwhile is told once, under the name it has then: an atomic save may be one Modified. A symbolic link is a file,
whatever it points to, and is not followed (`follow_symlink` is refused). The root itself may be one. When the root is
gone, DirDeletedEvent is sent for it; it is looked for, and DirCreatedEvent says that it is back.

Each watch has an engine of its own: threads, a queue of the kernel's (fanotify where it is allowed, else inotify) and
about a hundred bytes an entry. A watch that is not recursive, or of a single file, keeps one directory only, by
inotify. What git does is told as it happens, not held back as by the service.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.events import (
    FileClosedNoWriteEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import (
    DEFAULT_EMITTER_TIMEOUT,
    DEFAULT_OBSERVER_TIMEOUT,
    BaseObserver,
    EventDispatcher,
    EventEmitter,
    EventQueue,
    ObservedWatch,
)

from smarttree import disk
from smarttree.config import ServiceConfig
from smarttree.disk.shallow import ShallowDisk
from smarttree.errors import SmarttreeError
from smarttree.service import Service
from smarttree.translate import Translator
from smarttree.watch import AUTO

__all__ = ["BATCH_MS", "Emitter", "Observer"]

logger = logging.getLogger(__name__)

BATCH_MS = 10  # the window while things change; the first change after a quiet time does not wait
FLUSH_S = 60.0


class _Mark:
    """Stands in a queue of events: `reached` is called when everything before it has been handled."""

    def __init__(self, reached: Callable[[], None]) -> None:
        self.reached = reached


class _Queue(EventQueue):
    """watchdog's queue, in which marks may stand. Its dispatcher asks for an event when the one before is handled."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        while isinstance(item := super().get(block, timeout), _Mark):
            item.reached()
            self.task_done()
        return item


class Emitter(EventEmitter):
    """Runs an engine on one watch, and puts its events into the observer's queue."""

    def __init__(
        self,
        event_queue: EventQueue,
        watch: ObservedWatch,
        *,
        timeout: float = DEFAULT_EMITTER_TIMEOUT,
        event_filter: list[type[FileSystemEvent]] | None = None,
        watcher: str = AUTO,
        on_failure: Callable[[OSError], None] = lambda failure: None,
    ) -> None:
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter)
        self._watcher, self._on_failure = watcher, on_failure
        self._told: queue.SimpleQueue[list[FileSystemEvent] | _Mark | None] = queue.SimpleQueue()
        self._service: Service | None = None

    def on_thread_start(self) -> None:
        """Scan and watch. Blocks until that is done. Raises OSError where it can't be."""
        root = os.path.realpath(os.fsencode(self.watch.path))
        os.close(os.open(root, os.O_RDONLY | os.O_DIRECTORY))  # says most plainly what is wrong with a path
        self._service = service = Service(
            ServiceConfig(
                roots=(root,),
                batch_ms=BATCH_MS,
                retention_bytes=0,
                vcs_settle_ms=0,
                watcher=self._choose_watcher(),
                include=(b".git",),  # watchdog leaves nothing out
            ),
            reader=None if self.watch.is_recursive else ShallowDisk(disk.choose()),
            witness=Translator(root, self.watch.path, self._told.put),
        )
        turned = threading.Event()
        service.add_listener(turned.set)
        service.add_listener(self._notice)
        service.start()
        while service.state == "scanning":
            turned.wait()
            turned.clear()
        if service.failure is not None:
            service.stop()
            raise _as_os_error(service.failure) from service.failure

    def _choose_watcher(self) -> str:
        """One directory alone needs one watch, and fanotify would hear of a whole file system for it."""
        alone = self._watcher == AUTO and not self.watch.is_recursive and sys.platform == "linux"
        return "inotify" if alone else self._watcher

    def _notice(self) -> None:
        """Runs in the engine's thread."""
        if self._service is not None and self._service.failure is not None:
            self._told.put(None)

    def on_thread_stop(self) -> None:
        if self._service is not None:
            self._service.stop()
        self._told.put(None)

    def queue_events(self, timeout: float) -> None:
        told = self._told.get()
        if isinstance(told, _Mark):
            self._event_queue.put(told)
        elif told is not None:
            for event in told:
                self.queue_event(event)
        elif self.should_keep_running():
            assert self._service is not None
            assert self._service.failure is not None
            self.stop()
            self._on_failure(_as_os_error(self._service.failure))

    def flush(self, reached: Callable[[], None], timeout: float) -> None:
        """Have `reached` called when all that had happened on disk is handled. Raises OSError, TimeoutError."""
        assert self._service is not None
        try:
            self._service.sync().result(timeout)
        except SmarttreeError as error:
            raise _as_os_error(error) from error
        self._told.put(_Mark(reached))


class Observer(BaseObserver):
    """watchdog's `Observer`, by our engine. See the module for what is sent when.

    `start` (and `schedule`, once started) raises OSError where a path can't be watched. When an engine fails later, it
    is logged, what was found before is still handled, and the observer ends: `is_alive()` is False, `failure` says why.
    """

    def __init__(self, *, timeout: float = DEFAULT_OBSERVER_TIMEOUT, watcher: str = AUTO) -> None:
        """`watcher`: a name in `smarttree.watch.NAMES`, where one is to be forced."""
        super().__init__(Emitter, timeout=timeout, watcher=watcher, on_failure=self._fail)
        self._event_queue = _Queue()
        self.failure: OSError | None = None

    def schedule(
        self,
        event_handler: FileSystemEventHandler,
        path: str | Path,
        *,
        recursive: bool = False,
        event_filter: list[type[FileSystemEvent]] | None = None,
        follow_symlink: bool = False,
    ) -> ObservedWatch:
        """As watchdog's. Raises ValueError for `follow_symlink`: an entry has one path here."""
        if follow_symlink:
            raise ValueError("symbolic links are not followed; schedule what they point to as well")
        for kind in {*(event_filter or ())} & {FileOpenedEvent, FileClosedNoWriteEvent}:
            logger.warning("%s is asked for on %s, and is never sent", kind.__name__, path)
        return super().schedule(event_handler, path, recursive=recursive, event_filter=event_filter)

    def flush(self, timeout: float = FLUSH_S) -> None:
        """The barrier, which watchdog lacks: when it returns, handlers have been called for all that had happened on
        disk before. Not to be called by a handler. Raises OSError when an engine has failed, TimeoutError.
        """
        with self._lock:
            emitters = [emitter for emitter in self._emitters if isinstance(emitter, Emitter)]
        for emitter in emitters:
            handled = threading.Event()
            emitter.flush(handled.set, timeout)
            if not handled.wait(timeout):
                raise TimeoutError(f"the handlers were not done with what happened in {emitter.watch.path!r}")

    def _fail(self, failure: OSError) -> None:
        """Runs in an emitter's thread. The dispatcher ends the rest: whoever holds the lock may be waiting for us."""

        def reached() -> None:
            self.failure = failure
            self._stopped_event.set()

        logger.error("the observer ends: %s", failure)
        self._event_queue.put(_Mark(reached))
        self._event_queue.put(EventDispatcher.stop_event)

    def run(self) -> None:
        super().run()
        if self.failure is not None:
            self.unschedule_all()


def _as_os_error(failure: SmarttreeError) -> OSError:
    """The system's own number, with a text that says what to do."""
    cause = failure.__cause__
    number = cause.errno if isinstance(cause, OSError) and cause.errno is not None else errno.EIO
    return OSError(number, str(failure))
