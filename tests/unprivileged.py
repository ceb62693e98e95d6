"""Another user of this machine, and a place of its own where the installation can be read by it.

Law: nothing of the machine is changed for it: what root alone may search is covered up in a namespace of mounts.
"""

from __future__ import annotations

import os
import pwd
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smarttree import rights
from smarttree.config import Account
from tests.nursery import PROJECT

NOBODY = Account(
    name="nobody", uid=pwd.getpwnam("nobody").pw_uid, gid=pwd.getpwnam("nobody").pw_gid, home="/nonexistent"
)

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not rights.held() >> rights.CAP_SYS_ADMIN & 1,
    reason="only root has rights to give up",
)


def readable() -> list[str]:
    """Put before a command, it is run where any user may read Python, its packages and this project."""
    needed = sorted({Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), Path(PROJECT).resolve()})
    closed = {part: _closed(part) for path in needed for part in _parts(path)}
    lines = ["set -e", "mount --make-rprivate /", "kept=$(mktemp -d)", "mount -t tmpfs -o mode=755 tmpfs $kept"]
    for number, (path, above) in enumerate(closed.items()):
        if above is not None:
            lines += [f"mkdir $kept/{number}", f"mount --bind {shlex.quote(str(path))} $kept/{number}"]
    for above in sorted({above for above in closed.values() if above is not None}):
        lines.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(above))}")
    for number, (path, above) in enumerate(closed.items()):
        if above is not None:
            lines += [f"mkdir -p {shlex.quote(str(path))}", f"mount --bind $kept/{number} {shlex.quote(str(path))}"]
    return ["unshare", "-m", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"]


def _parts(path: Path) -> list[Path]:
    """Itself, or the directories in it, where it is closed: its mode goes with it wherever it is mounted."""
    return [path] if path.stat().st_mode & 0o001 else sorted(part for part in path.iterdir() if part.is_dir())


def _closed(path: Path) -> Path | None:
    """The first directory on the way that others may not search."""
    return next((above for above in reversed([path, *path.parents]) if not above.stat().st_mode & 0o001), None)


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that everyone may search, as a test's own may not be."""
    with tempfile.TemporaryDirectory(prefix="smarttree-") as name:
        os.chmod(name, 0o755)
        yield Path(name).resolve()
