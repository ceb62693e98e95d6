"""Which file systems tell of all their changes, by type: those that are changed by others than this kernel do not.

The table has what `df --local` (gnulib's mountlist) and systemd (fstype_is_network) take for remote, and the files of a
host in its guests. inotify(7): events on network file systems are those of this machine only.

Pure but for `mounts_here`. A type that is not known is taken for local, as the kernel's own are; FUSE says of itself
what it is by a subtype, and one that is not known to be local is polled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from smarttree.watch.mounts import TABLE, Mount, is_below, parse

REMOTE: Final = {
    "9p": "9p, a host's files in a guest or WSL",
    "acfs": "a cluster file system",
    "afs": "AFS, a network file system",
    "auristorfs": "AFS, a network file system",
    "beegfs": "a cluster file system",
    "ceph": "a cluster file system",
    "cifs": "SMB, a network file system",
    "coda": "a network file system",
    "davfs": "a network file system",
    "drvfs": "Windows' files in WSL",
    "fhgfs": "a cluster file system",
    "gfs": "a cluster file system",
    "gfs2": "a cluster file system",
    "glusterfs": "a cluster file system",
    "gpfs": "a cluster file system",
    "ibrix": "a cluster file system",
    "kafs": "AFS, a network file system",
    "lustre": "a cluster file system",
    "ncp": "a network file system",
    "ncpfs": "a network file system",
    "nfs": "NFS, a network file system",
    "nfs4": "NFS, a network file system",
    "ocfs2": "a cluster file system",
    "orangefs": "a cluster file system",
    "prl_fs": "a host's files in a guest",
    "pvfs2": "a cluster file system",
    "smb3": "SMB, a network file system",
    "smbfs": "SMB, a network file system",
    "v9fs": "9p, a host's files in a guest or WSL",
    "vboxsf": "a host's files in a guest",
    "virtiofs": "a host's files in a guest",
    "vmhgfs": "a host's files in a guest",
    "wekafs": "a cluster file system",
}
_LOCAL_FUSE: Final = frozenset(
    {"bindfs", "encfs", "ext2", "fuse-overlayfs", "gocryptfs", "lxcfs", "mergerfs", "ntfs", "ntfs-3g", "unionfs", "zfs"}
)
_KERNEL_ONLY: Final = frozenset(
    {"bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "mqueue", "proc", "pstore", "securityfs"}
    | {"sysfs", "tracefs"}
)


class ToPoll(NamedTuple):
    """A place that must be polled: its path, how far below its root it is, and why."""

    path: bytes
    depth: int
    why: str


def why_poll(kind: str) -> str:
    """Why a file system of that type, as mount(8) names it, must be polled; "" where it tells of all its changes."""
    base, _, inner = kind.partition(".")
    if base in ("fuse", "fuseblk"):
        if base == "fuseblk" or inner in _LOCAL_FUSE:
            return ""
        return f"it is on a file system of a program ({kind}), which may change without this kernel's knowing"
    reason = REMOTE.get(kind)
    return f"it is on {reason} ({kind}), whose changes by others are not told to this kernel" if reason else ""


def is_made_up(kind: str) -> bool:
    """Whether the kernel makes up what is in it when asked: then nothing tells of changes, and polling is no use."""
    return kind in _KERNEL_ONLY


def mount_of(path: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """What `path` is on: the innermost mount; of several on one point, the last."""
    found = None
    for mount in mounts:
        if is_below(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def mounts_below(top: bytes, mounts: Iterable[Mount]) -> list[Mount]:
    """What is mounted below `top`, one for each point, by path. What is hidden below another mount may be among it."""
    by_point = {mount.point: mount for mount in mounts if mount.point != top and is_below(mount.point, top)}
    return [by_point[point] for point in sorted(by_point)]


def to_poll(roots: Sequence[bytes], mounts: Sequence[Mount]) -> list[ToPoll]:
    """The roots that are on such a file system, and where one is mounted below another root."""
    found: list[ToPoll] = []
    for root in roots:
        on = mount_of(root, mounts)
        if on is not None and (why := why_poll(on.kind)):
            found.append(ToPoll(root, 0, why))
            continue
        for mount in mounts_below(root, mounts):
            # What is mounted below a place that is polled is read with it.
            if (why := why_poll(mount.kind)) and not any(is_below(mount.point, place.path) for place in found):
                depth = mount.point[len(root.rstrip(b"/")) :].count(b"/")
                found.append(ToPoll(mount.point, depth, why))
    return found


def mounts_here() -> list[Mount]:
    """This process's mounts; none where the system has no such table."""
    try:
        with open(TABLE, "rb") as table:
            return list(parse(table.read()))
    except OSError:
        return []
