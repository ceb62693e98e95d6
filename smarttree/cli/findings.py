"""What `st doctor` makes of the facts: pure judgement. A finding says what is the matter and, where something can be
done, the command or deed that does it.

`code` is stable: scripts compare it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from smarttree.cli.facts import Facts, RootFacts, SystemFacts
from smarttree.printable import printable

WARNING: Final = "warning"
NOTE: Final = "note"

_ROOM: Final = 2  # a limit is raised to that many times what is needed now: trees grow, and others watch too
_NEARLY: Final = 0.8
_WATCHES_LEAST: Final = 65_536
_QUEUE_LEAST: Final = 16_384
_INSTANCES_LEAST: Final = 128
_DESCRIPTORS_LEAST: Final = 4_096  # one for each client that is connected, and one for each level of a scan
_AHEAD_S: Final = 2.0
_FINE_SINCE: Final = (6, 13)
_FINE_ON: Final = frozenset({"btrfs", "ext4", "tmpfs", "xfs"})
_INODES_PASS: Final = frozenset({"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse"})


class Finding(NamedTuple):
    """`level` is WARNING (the exit status is 1) or NOTE. `remedy` is "" where nothing need be done."""

    code: str
    level: str
    text: str
    remedy: str = ""


def judge(facts: Facts) -> list[Finding]:
    """Everything that is worth saying, warnings first."""
    found = [*_limits(facts), *_rights(facts), *_times(facts)]
    for root in facts.roots:
        found += _root(root)
    return sorted(found, key=lambda finding: finding.level != WARNING)


def is_well(findings: list[Finding]) -> bool:
    """Whether there is no warning."""
    return all(finding.level != WARNING for finding in findings)


def watches_needed(facts: Facts) -> int:
    """By inotify: one for each directory."""
    return sum(root.dirs for root in facts.roots if root.watcher != "polling")


def _by_inotify(facts: Facts) -> bool:
    return any(root.watcher.startswith("inotify") for root in facts.roots)


def _limits(facts: Facts) -> Iterator[Finding]:
    system = facts.system
    if system.platform != "linux":
        return
    if _by_inotify(facts):
        yield from _watches(watches_needed(facts), system.watches_max)
        if system.inotify:
            yield Finding(
                "inotify-instances",
                WARNING,
                f"no instance of inotify can be opened ({system.inotify}); the limit for each user is "
                f"{_told(system.instances_max)}",
                _sysctl("max_user_instances", max(_INSTANCES_LEAST, _ROOM * (system.instances_max or 0))),
            )
        if system.queued_events_max is not None and system.queued_events_max < _QUEUE_LEAST:
            yield Finding(
                "inotify-queue",
                WARNING,
                f"inotify keeps {system.queued_events_max:,} events only: a burst makes it lose some, and then "
                "everything is read anew",
                _sysctl("max_queued_events", _QUEUE_LEAST),
            )
    yield from _descriptors(system)


def _watches(needed: int, limit: int | None) -> Iterator[Finding]:
    if limit is None or needed <= _NEARLY * limit:
        return
    what = "more than" if needed > limit else "nearly"
    yield Finding(
        "inotify-watches",
        WARNING,
        f"the directories need {needed:,} inotify watches, {what} the {limit:,} that each user may have",
        _sysctl("max_user_watches", max(_WATCHES_LEAST, 1 << (_ROOM * needed - 1).bit_length())),
    )


def _sysctl(name: str, value: int) -> str:
    setting = f"fs.inotify.{name}={value}"
    return f"sudo sysctl {setting}   (to keep it: echo {setting} | sudo tee /etc/sysctl.d/60-smarttree-{name}.conf)"


def _told(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _descriptors(system: SystemFacts) -> Iterator[Finding]:
    # The command raises its own soft limit to the hard one, so that one is what counts.
    limit = system.descriptors_hard
    if limit is not None and limit < _DESCRIPTORS_LEAST:
        yield Finding(
            "descriptors",
            WARNING,
            f"this process may open {limit:,} files only: each client takes one, and each level of a scan",
            f"ulimit -Hn {_DESCRIPTORS_LEAST}   (as root; in a unit of systemd: LimitNOFILE={_DESCRIPTORS_LEAST})",
        )


def _rights(facts: Facts) -> Iterator[Finding]:
    system = facts.system
    if system.platform != "linux":
        yield Finding(
            "portable",
            NOTE,
            "changes are watched by watchdog, by the means of this system; it can lose some, so a barrier reads anew",
        )
    elif system.fanotify:
        have = "is there, but fanotify" if system.cap_sys_admin else "is not there: fanotify"
        yield Finding(
            "fanotify",
            NOTE,
            f"the capability CAP_SYS_ADMIN {have} can't be used ({system.fanotify}); inotify takes a watch for each "
            "directory instead of one mark",
        )


def _times(facts: Facts) -> Iterator[Finding]:
    system = facts.system
    if system.platform != "linux":
        return
    coarse = sorted({root.kind or "unknown" for root in facts.roots if not is_fine(system.release, root.kind)})
    if coarse:
        tick = "" if system.tick_ns is None else f" of {system.tick_ns / 1e6:g} ms"
        yield Finding(
            "coarse-times",
            NOTE,
            f"files' times may be coarse ({', '.join(coarse)}; Linux {system.release}): two writes of equal size "
            f"within one tick{tick} can't be told apart by them",
        )


def is_fine(release: str, kind: str) -> bool:
    """Whether a file system's times move with each change that someone could have seen: Linux 6.13 and newer."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return match is not None and (int(match[1]), int(match[2])) >= _FINE_SINCE and kind in _FINE_ON


def _root(root: RootFacts) -> Iterator[Finding]:
    where = printable(root.path)
    if root.watcher == "polling":
        yield _polled(where, root.kind, root.why)
    for mount in root.mounts:
        if mount.polled and root.watcher != "polling":
            yield _polled(printable(mount.path), mount.kind, mount.polled)
    if root.ahead_s > _AHEAD_S:
        yield Finding(
            "clock",
            WARNING,
            f"in {where} something was changed {root.ahead_s:,.0f} s in the future: the clock of this machine was set "
            "back, or is behind that of the server",
            "set the clock by NTP: sudo timedatectl set-ntp true",
        )
    if root.unreadable:
        yield Finding(
            "unreadable",
            WARNING,
            f"{root.unreadable:,} entries in {where} can't be read, or are too deep: what is in them is not told",
            "run as a user who may read them, or serve a path without them",
        )
    if root.linked_outside:
        yield Finding(
            "links-outside",
            NOTE,
            f"{root.linked_outside:,} files in {where} have other names outside of it: what is written through those "
            + (
                "is seen at the next pass"
                if root.watcher == "polling"
                else "is seen at the next change here, not at once"
            ),
        )


def _polled(where: str, kind: str, why: str) -> Finding:
    passing = ""
    if kind in _INODES_PASS:
        passing = "; inode numbers may not last there, and an entry whose number has changed is told as replaced"
    return Finding("polled", NOTE, f"{where} is polled, every --poll-s seconds: {why}{passing}")
