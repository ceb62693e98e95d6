"""Reading the disk: one contract, and an implementation for each kind of system. `choose` picks this system's."""

from __future__ import annotations

import sys
from collections.abc import Callable

from smarttree.disk.base import Disk, unknown_ns

__all__ = ["choose"]


def choose(now_ns: Callable[[], int] = unknown_ns) -> Disk:
    """Our own system calls on Linux, Python's elsewhere. `now_ns`: the wall clock, in nanoseconds since 1970."""
    if sys.platform == "linux":
        from smarttree.disk.linux import LinuxDisk

        return LinuxDisk(now_ns)
    else:
        from smarttree.disk.portable import PortableDisk

        return PortableDisk(now_ns)
