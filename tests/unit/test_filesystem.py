"""Which file systems are polled: by type, by recorded tables of mounts, and on mounts made for it."""

from __future__ import annotations

import pytest

from smarttree.watch.filesystem import ToPoll, is_made_up, mount_of, mounts_below, to_poll, why_poll
from smarttree.watch.mounts import Mount, parse

TABLE = rb"""22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
31 28 0:26 / /srv rw,relatime shared:15 - xfs /dev/vdb rw
40 31 0:44 / /srv/team rw,relatime shared:90 - nfs4 server:/export rw,vers=4.2,addr=10.0.0.2
41 31 0:45 / /srv/with\040space\134and\011tab rw,relatime - cifs //server/share rw,vers=3.1.1
42 40 0:46 / /srv/team/inner rw,relatime - fuse.sshfs user@host: rw,user_id=0
43 28 0:47 / /media/usb rw,relatime shared:91 master:3 propagate_from:2 - fuseblk /dev/sdb1 rw
44 28 0:48 / /mnt/c rw,noatime - 9p drvfs rw,dirsync,aname=drvfs;path=C:\;uid=1000
45 28 0:49 / /var/lib/docker/overlay2/x/merged rw,relatime - overlay overlay rw,lowerdir=/a:/b
46 28 0:50 / /twice rw - tmpfs tmpfs rw
47 46 0:51 / /twice rw - nfs server:/other rw
"""
MOUNTS = [*parse(TABLE)]


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.rclone", "fuse", "9p", "afs", "ceph", "fuse.glusterfs"),
        *("lustre", "vboxsf", "drvfs", "virtiofs", "fuse.something-new"),
    ],
)
def test_what_others_may_change_is_polled(kind: str) -> None:
    assert kind in why_poll(kind)


@pytest.mark.parametrize(
    "kind",
    ["overlay", "btrfs", "xfs", "ext4", "tmpfs", "f2fs", "zfs", "fuseblk", "fuse.mergerfs", "vfat", "unknown-new"],
)
def test_what_this_kernel_changes_alone_is_not(kind: str) -> None:
    assert why_poll(kind) == ""


def test_what_the_kernel_makes_up_is_known() -> None:
    assert is_made_up("proc")
    assert not is_made_up("ext4")


def test_types_and_escapes_of_the_table() -> None:
    assert [(mount.point, mount.kind) for mount in MOUNTS[3:8]] == [
        (b"/srv/team", "nfs4"),
        (b"/srv/with space\\and\ttab", "cifs"),
        (b"/srv/team/inner", "fuse.sshfs"),
        (b"/media/usb", "fuseblk"),
        (b"/mnt/c", "9p"),
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/srvx", "ext4"),
        (b"/srv/a", "xfs"),
        (b"/srv/team", "nfs4"),
        (b"/srv/team/inner/deep", "fuse.sshfs"),
        (b"/srv/with space\\and\ttab/x", "cifs"),
        (b"/twice/x", "nfs"),
    ],
)
def test_a_path_is_on_the_innermost_and_last_mount(path: bytes, kind: str) -> None:
    on = mount_of(path, MOUNTS)
    assert on is not None
    assert on.kind == kind


def test_without_a_table_nothing_is_known() -> None:
    assert mount_of(b"/a", []) is None
    assert to_poll([b"/a"], []) == []


def test_of_several_mounts_on_a_point_the_last_counts() -> None:
    assert [mount.kind for mount in mounts_below(b"/twice/..", MOUNTS)] == []
    assert {mount.point: mount.kind for mount in mounts_below(b"/", MOUNTS)}[b"/twice"] == "nfs"


def places(*roots: bytes) -> list[tuple[bytes, int]]:
    return [(place.path, place.depth) for place in to_poll(roots, MOUNTS)]


def test_roots_and_what_is_below_them() -> None:
    assert places(b"/media/usb", b"/var/lib/docker/overlay2/x/merged") == []
    assert places(b"/srv/team/a") == [(b"/srv/team/a", 0)]
    assert places(b"/srv") == [
        (b"/srv/team", 1),
        (b"/srv/with space\\and\ttab", 1),
    ]  # what is in the first comes with it
    assert places(b"/mnt", b"/srv/team") == [(b"/mnt/c", 1), (b"/srv/team", 0)]
    assert (b"/srv/team", 2) in places(b"/")


def test_the_reason_names_the_type() -> None:
    (place,) = to_poll([b"/srv/team"], MOUNTS)
    assert place == ToPoll(b"/srv/team", 0, place.why)
    assert "NFS" in place.why
    assert "(nfs4)" in place.why


def test_a_mount_is_a_value() -> None:
    """Tables are compared as sets of these."""
    assert len({*MOUNTS, *parse(TABLE)}) == len(MOUNTS)
    assert isinstance(MOUNTS[0], Mount)
