"""A rule file's content as git takes it: a regular file, no link in its place (git's own exclude file may be one)."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

from smarttree.ignore import GIT_EXCLUDE, RULE_FILE_BYTES_MAX, RULE_FILES, Rules, obey

if TYPE_CHECKING:
    from smarttree.disk.base import Directory

# What this system lacks, its files can't need: O_NONBLOCK is for a pipe in the place of a rule file.
_READ: Final = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_MISSING: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR})


def obeyed(rules: Rules, opened: Directory) -> Rules:
    """What holds in an open directory, given what does but for rule files in it."""
    if not rules.reads_files:
        return rules
    looks = opened.look(list(RULE_FILES))
    return obey(rules, {name for name, row in zip(RULE_FILES, looks, strict=True) if row is not None}, opened.read)


def read_rule_file(path: bytes, directory: int | None = None) -> bytes | int | None:
    """None where there is none, an errno where it can't be read. `path` is relative to an open `directory`, if any."""
    try:
        fd = os.open(path, _READ if path.endswith(GIT_EXCLUDE) else _READ | _NO_LINK, dir_fd=directory)
    except OSError as error:
        return None if error.errno in _MISSING else error.errno or errno.EIO
    try:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode):
            return None
        if seen.st_size > RULE_FILE_BYTES_MAX:
            return errno.EFBIG
        return _all(fd)
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(fd)


def _all(fd: int) -> bytes | int:
    """It may grow while it is read."""
    content = bytearray()
    while piece := os.read(fd, RULE_FILE_BYTES_MAX + 1 - len(content)):
        content += piece
        if len(content) > RULE_FILE_BYTES_MAX:
            return errno.EFBIG
    return bytes(content)
