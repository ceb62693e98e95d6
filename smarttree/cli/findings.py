"""What `st doctor` makes of the facts: pure judgement. A finding says what is the matter and, where something can be
done, the command or deed that does it. A warning is what leaves something unwatched, or ends the server; the rest are
notes.

`code` is stable: scripts compare it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from smarttree.cli.facts import Facts, RootFacts, SystemFacts
from smarttree.printable import printable
from smarttree.watch import limits
from smarttree.watch.filesystem import is_made_up
from smarttree.watch.limits import Limit

WARNING: Final = "warning"
NOTE: Final = "note"

_NEARLY: Final = 0.8
_QUEUE_LEAST: Final = 16_384
_DESCRIPTORS_LEAST: Final = 4_096  # one for each client that is connected, and one for each level of a scan
_AHEAD_S: Final = 2.0
_FINE_SINCE: Final = (6, 13)
_FINE_ON: Final = frozenset({"btrfs", "ext4", "tmpfs", "xfs"})
_INODES_PASS: Final = frozenset({"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse"})


class Finding(NamedTuple):
    """`level` is WARNING (the exit status is 1) or NOTE. `remedy` is the command, or deed, that helps now; `keep` the
    command that makes it last; "" where nothing need be done.
    """

    code: str
    level: str
    text: str
    remedy: str = ""
    keep: str = ""


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
        yield from _watches(watches_needed(facts), system.watches, system.in_use.watches)
        yield from _queue(system.queued_events)
    if system.inotify and system.fanotify:
        yield from _instances(system)
    yield from _descriptors(system)


def _watches(needed: int, limit: Limit | None, others: int) -> Iterator[Finding]:
    if limit is None or limit.value is None or needed + others <= _NEARLY * limit.value:
        return
    what = "more than" if needed + others > limit.value else "nearly"
    also = f", and {others:,} are in use" if others else ""
    setting, enough = limit.setting, limits.enough_for(needed + others)
    yield Finding(
        "inotify-watches",
        WARNING,
        f"the directories need {needed:,} inotify watches{also}: {what} the {limit.value:,} that {setting} allows; "
        "what can't be watched is polled",
        limits.raise_now(setting, enough),
        limits.keep_raised(setting, enough),
    )


def _instances(system: SystemFacts) -> Iterator[Finding]:
    limit = system.instances
    if limit is None or limit.value is None:
        yield Finding("inotify-instances", WARNING, f"inotify can't be used ({system.inotify}): everything is polled")
        return
    enough = max(limits.INSTANCES_ENOUGH, limits.ROOM * limit.value)
    yield Finding(
        "inotify-instances",
        WARNING,
        f"inotify can't be used ({system.inotify}; {limit.setting} is {limit.value}): everything is polled",
        limits.raise_now(limit.setting, enough),
        limits.keep_raised(limit.setting, enough),
    )


def _queue(limit: Limit | None) -> Iterator[Finding]:
    if limit is None or limit.value is None or limit.value >= _QUEUE_LEAST:
        return
    yield Finding(
        "inotify-queue",
        NOTE,
        f"inotify keeps {limit.value:,} events only: a burst makes it lose some, and then everything is read anew",
        limits.raise_now(limit.setting, _QUEUE_LEAST),
        limits.keep_raised(limit.setting, _QUEUE_LEAST),
    )


def _descriptors(system: SystemFacts) -> Iterator[Finding]:
    # The command raises its own soft limit to the hard one, so that one is what counts.
    limit = system.descriptors_hard
    if limit is not None and limit < _DESCRIPTORS_LEAST:
        yield Finding(
            "descriptors",
            WARNING,
            f"this process may open {limit:,} files only: each client takes one, and each level of a scan",
            f"ulimit -Hn {_DESCRIPTORS_LEAST}",
            f"echo '* hard nofile {_DESCRIPTORS_LEAST}' | sudo tee /etc/security/limits.d/60-smarttree.conf",
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
    if is_made_up(root.kind):
        yield Finding(
            "made-up",
            NOTE,
            f"{where} is on {root.kind}, which the kernel makes up when it is asked: nothing tells of its changes",
        )
    for mount in root.mounts:
        if mount.polled and root.watcher != "polling":
            yield _polled(printable(mount.path), mount.kind, mount.polled)
    if root.ahead_s > _AHEAD_S:
        yield Finding(
            "clock",
            NOTE,
            f"in {where} something was changed {root.ahead_s:,.0f} s in the future: the clock of this machine was set "
            "back, or is behind that of the server",
            "set the clock by NTP: sudo timedatectl set-ntp true",
        )
    if root.unreadable:
        yield Finding(
            "unreadable",
            NOTE,
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
                else "is seen at the next change here, or after --hardlink-poll-s"
            ),
        )


def _polled(where: str, kind: str, why: str) -> Finding:
    passing = ""
    if kind in _INODES_PASS:
        passing = "; inode numbers may not last there, and an entry whose number has changed is told as replaced"
    return Finding("polled", NOTE, f"{where} is polled, every --poll-s seconds: {why}{passing}")
