"""What is on the disk, as `find` tells it, in the shape of what a mirror holds, so that both can be compared.

Law: the truth comes from another program than the one under test.
"""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from spec.qtn1 import Entry
from spec.qtn1_mirror import Mirror

KINDS = {"f": "file", "d": "dir", "l": "symlink"}
KIND_OF_TYPE = {0x8000: "file", 0x4000: "dir", 0xA000: "symlink"}


class Seen(NamedTuple):
    """One entry; a directory's size counts as 0, and `permissions` are the twelve low bits of its mode."""

    kind: str
    size: int
    permissions: int
    mtime_ns: int


Listing = dict[bytes, Seen]


def listing(root: bytes | str) -> Listing:
    """Everything below `root` (not itself listed), by absolute path, but for the inside of directories named `.git`,
    which is not told unless asked for. CalledProcessError if `find` complains.
    """
    told, closed = ["-printf", r"%p\0%y\0%s\0%m\0%T@\0"], ["-type", "d", "-name", ".git", "-prune"]
    command = ["find", root, "-mindepth", "1", *told, *closed]
    fields = subprocess.run(command, check=True, capture_output=True).stdout.split(b"\0")
    result = {}
    for at in range(0, len(fields) - 1, 5):
        kind = KINDS.get(fields[at + 1].decode(), "other")
        size = 0 if kind == "dir" else int(fields[at + 2])
        result[fields[at]] = Seen(kind, size, int(fields[at + 3], 8), nanoseconds(fields[at + 4].decode()))
    return result


def nanoseconds(text: str) -> int:
    """`%T@`: whole seconds, rounded down, then nanoseconds counted up from there (also before 1970)."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction[:9])


def mirror_listing(mirror: Mirror) -> Listing:
    """What a mirror holds, the roots themselves left out."""
    return {path: _seen(entry) for path, entry in mirror.paths() if entry.parent}


def _seen(entry: Entry) -> Seen:
    kind = KIND_OF_TYPE.get(entry.mode & 0xF000, "other")
    return Seen(kind, entry.size, entry.mode & 0o7777, entry.mtime_ns)


def difference(disk: Listing, mirror: Listing, limit: int = 20) -> str:
    """Empty if they are equal; else a line for each path that differs, at most `limit`, and how many there are."""
    wrong = sorted(path for path in disk.keys() | mirror.keys() if disk.get(path) != mirror.get(path))
    lines = [f"{path!r}: disk {disk.get(path)}, mirror {mirror.get(path)}" for path in wrong[:limit]]
    return "\n".join([*lines, f"{len(wrong)} paths differ"]) if wrong else ""
