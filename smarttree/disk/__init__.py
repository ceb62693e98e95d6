"""Reading the disk: one contract, and an implementation for each kind of system. `choose` picks this system's."""

from __future__ import annotations

import sys

from smarttree.disk.base import Disk, Hidden

__all__ = ["choose"]


def choose(hidden: Hidden = ()) -> Disk:
    """Our own system calls on Linux, Python's elsewhere. `hidden` directories are not there, whatever the roots."""
    if sys.platform == "linux":
        from smarttree.disk.linux import LinuxDisk

        return LinuxDisk(hidden)
    else:
        from smarttree.disk.portable import PortableDisk

        return PortableDisk(hidden)
