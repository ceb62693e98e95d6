"""`python small_queue.py ROOM …` is `st …`, but the queues that it has from the kernel hold that many events.

Law: for tests only, run by root. The kernel knows one such setting for the whole machine, and looks at it when a queue
is made: it is another for that moment only, and of two who want it so one waits for the other.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {kind: f"/proc/sys/fs/{kind}/max_queued_events" for kind in ("inotify", "fanotify")}


@contextmanager
def room_for(events: int, kind: str) -> Iterator[None]:
    """Whoever makes a queue of this kind meanwhile has so much room in it."""
    setting = os.open(SETTINGS[kind], os.O_RDWR)
    try:
        fcntl.flock(setting, fcntl.LOCK_EX)
        before = os.pread(setting, 32, 0)
        try:
            os.pwrite(setting, b"%d" % events, 0)
            yield
        finally:
            os.pwrite(setting, before, 0)
    finally:
        os.close(setting)


def shrink(events: int) -> None:
    """All queues that this program makes from now on."""
    from smarttree._fanotify import Fanotify
    from smarttree._watch import Inotify
    from smarttree.watch import linux
    from smarttree.watch.portable import PortableWatcher

    start = PortableWatcher.start

    def inotify() -> Inotify:
        with room_for(events, "inotify"):
            return Inotify()

    def fanotify() -> Fanotify:
        with room_for(events, "fanotify"):
            return Fanotify(unlimited=False)

    def begin(self: PortableWatcher, *arguments: object, **named: object) -> None:
        with room_for(events, "inotify"):
            start(self, *arguments, **named)  # type: ignore[arg-type]

    for name, instead in (("Inotify", inotify), ("Fanotify", fanotify)):
        setattr(linux, name, instead)
    PortableWatcher.start = begin  # type: ignore[method-assign]


if __name__ == "__main__":
    from smarttree.cli import main

    shrink(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
