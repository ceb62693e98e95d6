"""A library that watches, in a program of its own: see `piped` for what it says.

    python -m bench.watchers.child watchfiles|watchfiles-quickest|watchdog DIRECTORY

Law: each is used as its documentation shows, and nothing is done with what it tells but to keep the paths.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

Tell = Callable[[list[str]], None]


def watchfiles(top: str, tell: Tell, debounce_ms: int = 1600, step_ms: int = 50) -> None:
    """The defaults of `watchfiles.watch`; from the class below it, which has placed its watches when it is made."""
    from watchfiles._rust_notify import RustNotify

    notify = RustNotify([top], False, False, 300, True, False)
    announce()
    stop = threading.Event()
    while True:
        found = notify.watch(debounce_ms, step_ms, 60_000, stop)
        if isinstance(found, set):
            tell([path for _, path in found])


def watchdog(top: str, tell: Tell) -> None:
    """An observer that is told everything."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            tell([os.fsdecode(path) for path in (event.src_path, event.dest_path) if path])

    observer = Observer()
    observer.schedule(Handler(), top, recursive=True)
    observer.start()
    announce()
    observer.join()


def announce() -> None:
    os.write(1, b"ready\n")


def main(kind: str, top: str) -> None:
    """Runs until standard input ends."""
    paths: set[str] = set()

    def tell(found: list[str]) -> None:
        paths.update(found)
        os.write(1, b".")

    def hand_over() -> None:
        sys.stdin.buffer.read()
        with os.fdopen(1, "wb") as out:
            out.write(b"\n" + b"\0".join(map(os.fsencode, list(paths))))
        os._exit(0)

    threading.Thread(target=hand_over, daemon=True).start()
    if kind == "watchdog":
        watchdog(top, tell)
    elif kind == "watchfiles-quickest":
        watchfiles(top, tell, debounce_ms=1, step_ms=1)
    else:
        watchfiles(top, tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
