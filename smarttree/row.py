"""What `lstat` says of one entry, reduced to what the Tree keeps of it."""

from __future__ import annotations

from typing import NamedTuple

_TYPE = 0xF000
_KINDS = {0x4000: "dir", 0x8000: "file", 0xA000: "symlink"}


class Row(NamedTuple):
    """One entry's values. `size` in bytes (0 for a directory), times in nanoseconds since 1970.

    `birth` is a 32-bit fingerprint of the birth time, 0 where the file system keeps none.
    """

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    birth: int
    nlink: int = 1

    @property
    def identity(self) -> tuple[int, int, int]:
        """The same for two looks at the same file-system object: the inode alone is reused at once on ext4."""
        return self.ino, self.birth, self.mode & _TYPE

    @property
    def is_dir(self) -> bool:
        return self.mode & _TYPE == 0x4000


class Totals(NamedTuple):
    """What is below an entry: entries that are no directory, directories, and the sum of the sizes in bytes."""

    files: int
    dirs: int
    size: int


def kind_of(mode: int) -> str:
    """`file`, `dir`, `symlink` or `other`."""
    return _KINDS.get(mode & _TYPE, "other")
