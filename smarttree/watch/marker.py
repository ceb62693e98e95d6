"""The helper that marks file systems for a server that has given up its rights.

Law: it holds CAP_SYS_ADMIN, as the server's user, and uses it for one thing: to have the one fanotify group that it was
started with hear of a file system that holds a base, or is mounted below one, as the table of mounts here says. The
bases are told by who starts it, before rights are given up. All else is refused, and it ends with the server.

    request   b"m", and with it one descriptor of a directory (SCM_RIGHTS)
    answer    { i32 errno, or 0; u32 whether the file system had no mark so far }

It is started anew, not forked: no memory of the server is in it, and no variable of its environment.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import signal
import socket
import struct
import subprocess  # nosec B404  # of this very program, with arguments of ours
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from smarttree import rights
from smarttree.config import Account
from smarttree.watch.filesystem import mount_of
from smarttree.watch.mounts import TABLE, is_below, parse

ASK: Final = b"m"
READY: Final = b"r"
PATIENCE_S: Final = 10
"""For its start, and for an answer: marking takes microseconds."""

_ANSWER: Final = struct.Struct("=iI")
_TIME: Final = struct.Struct("@ll")
_FDS_MAX: Final = 2  # one more than there may be, so that it shows
_MARK_ADD, _MARK_REMOVE, _MARK_FILESYSTEM = 0x1, 0x2, 0x100
_ACCESS: Final = 0x1  # in no mark of ours
# MODIFY, ATTRIB, CLOSE_WRITE, CREATE, DELETE, DELETE_SELF, MOVE_SELF, ONDIR; and RENAME, or MOVED_FROM and MOVED_TO
_EVENTS: Final = 0x2 | 0x4 | 0x8 | 0x100 | 0x200 | 0x400 | 0x800 | 0x4000_0000
_RENAME, _MOVED = 0x1000_0000, 0x40 | 0x80


def start(account: Account, group: int, bases: Sequence[bytes]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """One that marks for the fanotify descriptor `group`: the socket on which it is asked, and the process.

    Raises OSError where it doesn't come to be ready.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    who = [str(account.uid), str(account.gid), ",".join(map(str, account.groups))]
    where = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {where!r}); from smarttree.watch.marker import main; main(sys.argv[1:])"
    try:
        process = subprocess.Popen(  # nosec B603  # no shell, and nothing of a client in it
            [sys.executable, "-I", "-S", "-c", code, str(theirs.fileno()), str(group), *who, *map(os.fsdecode, bases)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={},
            pass_fds=(theirs.fileno(), group),
        )
        theirs.close()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIME.pack(PATIENCE_S, 0))  # for who asks without Python
        if ours.recv(len(READY)) != READY:
            raise OSError(errno.ECHILD, "it ended at once")
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours, process


def main(argv: Sequence[str]) -> None:
    """Answers until nobody can ask any more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the server, with which this ends
        signal.signal(number, signal.SIG_IGN)
    channel, group = socket.socket(fileno=int(argv[0])), int(argv[1])
    groups = [int(number) for number in argv[4].split(",") if number]
    rights.give_up(int(argv[2]), int(argv[3]), groups, keep=1 << rights.CAP_SYS_ADMIN)
    libc = ctypes.CDLL(None, use_errno=True)
    bases = [os.fsencode(base) for base in argv[5:]]
    channel.send(READY)
    while True:
        try:
            asked, fds, flags, _ = socket.recv_fds(channel, len(ASK) + 1, _FDS_MAX)
        except ConnectionError:
            return
        if not asked:
            return
        problem, fresh = errno.EINVAL, 0
        if asked == ASK and len(fds) == 1 and not flags & socket.MSG_CTRUNC:
            problem, fresh = _mark(libc, group, fds[0], bases)
        for fd in fds:
            os.close(fd)
        try:
            channel.send(_ANSWER.pack(problem, fresh))
        except ConnectionError:
            return


def _mark(libc: ctypes.CDLL, group: int, fd: int, bases: Sequence[bytes]) -> tuple[int, int]:
    """(errno or 0, whether it had no mark so far)"""
    if not may_mark(fd, bases):
        return errno.EPERM, 0
    # To take away what is in no mark changes nothing, and fails where there is no mark.
    fresh = _change(libc, group, _MARK_REMOVE, _ACCESS, fd) != 0
    problem = _change(libc, group, _MARK_ADD, _EVENTS | _RENAME, fd)
    if problem == errno.EINVAL:
        problem = _change(libc, group, _MARK_ADD, _EVENTS | _MOVED, fd)
    return problem, int(fresh)


def _change(libc: ctypes.CDLL, group: int, how: int, events: int, fd: int) -> int:
    failed = libc.fanotify_mark(group, how | _MARK_FILESYSTEM, ctypes.c_uint64(events), fd, b".")
    return ctypes.get_errno() if failed else 0


def may_mark(fd: int, bases: Sequence[bytes]) -> bool:
    """Whether what `fd` is on is mounted here, at or below a base, or holds one.

    By the number of its mount: a mark is for a whole file system, and who makes a namespace of mounts of their own, to
    have another file system below a base there, has mounts of other numbers.
    """
    try:
        about = Path(f"/proc/self/fdinfo/{fd}").read_bytes()
        mounts = list(parse(Path(TABLE).read_bytes()))
    except OSError:
        return False
    found = re.search(rb"^mnt_id:\s*(\d+)$", about, re.M)
    its = next((mount for mount in mounts if found and mount.number == found[1]), None)
    if its is None:
        return False
    return any(is_below(its.point, base) or mount_of(base, mounts) == its for base in bases)
