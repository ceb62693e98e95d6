"""What `st doctor` looks at: the system, and each root with what is mounted below it. Facts only; `findings` judges.

What can't be found out is None. Nothing is changed: an instance of inotify and a group of fanotify are opened and
closed again.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from smarttree import disk
from smarttree.cli.paths import refusal
from smarttree.errors import WatcherUnavailable
from smarttree.watch import limits
from smarttree.watch.filesystem import ToPoll, mount_of, mounts_below, mounts_here, to_poll
from smarttree.watch.limits import Limit

if TYPE_CHECKING:
    from smarttree._listing import Listing
    from smarttree.disk.base import Progress
    from smarttree.watch.mounts import Mount

_PROC: Final = Path("/proc")
_CAP_SYS_ADMIN: Final = 21
_COARSE_CLOCK: Final = 5  # CLOCK_REALTIME_COARSE: what files' times are taken from where they are coarse
_REPORT_EVERY_S: Final = 0.1

Report = Callable[[int, int], None]
"""Is told how many entries and directories have been read so far."""


class InUse(NamedTuple):
    """What this user's processes have of inotify, as far as they may be looked at."""

    watches: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFacts:
    """The machine and this process. `fanotify` and `inotify` are "" where one could be opened, else why not."""

    platform: str
    release: str
    watches: Limit | None = None
    instances: Limit | None = None
    queued_events: Limit | None = None
    in_use: InUse = field(default_factory=InUse)
    descriptors: int | None = None
    descriptors_hard: int | None = None
    cap_sys_admin: bool | None = None
    fanotify: str = ""
    inotify: str = ""
    tick_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MountFacts:
    """What is mounted below a root: where, its type as in mount(8), and why it is polled ("" where it is not)."""

    path: bytes
    kind: str
    polled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFacts:
    """One root. `watcher` is what would be chosen by itself and `why` the reason; `kind` "" is an unknown type.

    `linked_outside`: files with more names than there are below the root. `ahead_s`: how far the latest inode change
    lies in the future. `unreadable`: what could not be read.
    """

    path: bytes
    kind: str
    watcher: str
    why: str
    entries: int
    dirs: int
    linked_outside: int = 0
    ahead_s: float = 0.0
    unreadable: int = 0
    mounts: tuple[MountFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was looked at."""

    system: SystemFacts
    roots: tuple[RootFacts, ...]


def collect(roots: Sequence[bytes], *, threads: int, report: Report) -> Facts:
    """Reads each root once. Raises PathError where one can't be read, KeyboardInterrupt when interrupted."""
    mounts, system = mounts_here(), look_at_system()
    return Facts(
        system=system,
        roots=tuple(look_at_root(root, mounts, threads, report, inotify=system.inotify) for root in roots),
    )


def look_at_system() -> SystemFacts:
    """The limits and rights of this process, as they are now."""
    soft, hard = _descriptors()
    linux = sys.platform == "linux"
    return SystemFacts(
        platform=sys.platform,
        release=platform.release(),
        watches=limits.lowest(limits.WATCHES) if linux else None,
        instances=limits.lowest(limits.INSTANCES) if linux else None,
        queued_events=limits.lowest(limits.QUEUE) if linux else None,
        in_use=_in_use(),
        descriptors=soft,
        descriptors_hard=hard,
        cap_sys_admin=_has_sys_admin(),
        fanotify=_try_fanotify(),
        inotify=_try_inotify(),
        tick_ns=round(time.clock_getres(_COARSE_CLOCK) * 1e9) if linux else None,
    )


def _in_use() -> InUse:
    """By proc_pid_fdinfo(5): a line for each watch. Other users' processes are not counted: they have limits of their
    own.
    """
    watches = instances = 0
    for process in _PROC.glob("[0-9]*"):
        try:
            descriptors = [*process.joinpath("fd").iterdir()] if process.stat().st_uid == os.geteuid() else []
        except OSError:  # it has ended, or is closed to us
            continue
        for descriptor in descriptors:
            with suppress(OSError):
                if os.readlink(descriptor) == "anon_inode:inotify":
                    instances += 1
                    watches += process.joinpath("fdinfo", descriptor.name).read_bytes().count(b"inotify wd:")
    return InUse(watches, instances)


def _descriptors() -> tuple[int | None, int | None]:
    if sys.platform == "win32":
        return None, None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _finite(soft, resource.RLIM_INFINITY), _finite(hard, resource.RLIM_INFINITY)


def _finite(limit: int, endless: int) -> int | None:
    return None if limit == endless else limit


def _has_sys_admin() -> bool | None:
    try:
        status = _PROC.joinpath("self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), None)
    return None if effective is None else bool(int(effective, 16) >> _CAP_SYS_ADMIN & 1)


def _try_fanotify() -> str:
    if sys.platform != "linux":
        return "it is Linux's"
    from smarttree._fanotify import Fanotify

    try:
        Fanotify().close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _try_inotify() -> str:
    if sys.platform != "linux":
        return "it is Linux's"
    from smarttree._watch import Inotify

    try:
        Inotify().close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def look_at_root(root: bytes, mounts: Sequence[Mount], threads: int, report: Report, *, inotify: str = "") -> RootFacts:
    """Scans it. `inotify` as in SystemFacts. Raises as `collect`."""
    listing = _scan(root, threads, report)
    on, places = mount_of(root, mounts), to_poll([root], mounts)
    watcher, why = _choice(root, places, inotify)
    names, changed_ns, dirs = Counter[int](), 0, 0
    more_names: dict[int, int] = {}
    for index in range(len(listing)):
        row = listing.row(index)
        changed_ns = max(changed_ns, row.ctime_ns)
        dirs += row.is_dir
        if row.nlink > 1 and not row.is_dir:
            names[row.ino] += 1
            more_names[row.ino] = row.nlink
    return RootFacts(
        path=root,
        kind=on.kind if on else "",
        watcher=watcher,
        why=why,
        entries=len(listing) - 1,
        dirs=dirs,
        linked_outside=sum(count > names[inode] for inode, count in more_names.items()),
        ahead_s=max(0.0, changed_ns / 1e9 - time.time()),
        unreadable=len(listing.problems),
        mounts=tuple(
            MountFacts(path=mount.point, kind=mount.kind, polled=_why_polled(mount.point, places))
            for mount in mounts_below(root, mounts)
        ),
    )


def _why_polled(point: bytes, places: Sequence[ToPoll]) -> str:
    return next((place.why for place in places if point == place.path or point.startswith(place.path + b"/")), "")


def _choice(root: bytes, places: Sequence[ToPoll], inotify: str) -> tuple[str, str]:
    """The watcher that `watch.choose` would choose, and why."""
    if sys.platform != "linux":
        return "watchdog", "this system has no watcher of our own"
    if places and places[0].path == root:
        return "polling", places[0].why
    from smarttree.watch.linux import FanotifyWatcher

    polled = " and polling" if places else ""
    try:
        FanotifyWatcher([root], polled=[place.path for place in places]).close()
    except WatcherUnavailable as error:
        if inotify:
            return "polling", f"inotify can't be used: {inotify}"
        return f"inotify{polled}", str(error).partition(";")[0]
    return f"fanotify{polled}", "one mark is enough for a file system, and it is permitted"


def _scan(root: bytes, threads: int, report: Report) -> Listing:
    reader = disk.choose()
    progress = reader.progress()
    # The scan does not hold the GIL and so cannot see an interrupt; this thread, which waits for it, does.
    with ThreadPoolExecutor(1, thread_name_prefix="scan") as scanner:
        try:
            opened = reader.open(root, follow=True)
            try:
                job = scanner.submit(opened.scan, watch=None, threads=threads, depth=0, progress=progress)
                return _await(job, progress, report)
            finally:
                opened.close()
        except KeyboardInterrupt:
            progress.cancel()
            raise
        except OSError as error:
            raise refusal(root, error) from error


def _await(job: Future[Listing], progress: Progress, report: Report) -> Listing:
    while True:
        try:
            return job.result(_REPORT_EVERY_S)
        except NotYet:
            report(progress.entries, progress.dirs)
