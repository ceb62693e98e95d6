"""Rights that are given up for good, on Linux: another user, no capability but named ones, and none to be had again.

Law: it is done before there is a second thread, as the kernel keeps some of this for each; and it is not believed but
looked at afterwards, in every thread. It is imported by a helper that has no time to load more than this.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CAP_SETPCAP: Final = 8
CAP_SYS_ADMIN: Final = 21

# prctl(2), capabilities(7)
_SET_DUMPABLE, _SET_KEEPCAPS, _CAPBSET_READ, _CAPBSET_DROP = 4, 8, 23, 24
_SET_NO_NEW_PRIVS, _CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITY_VERSION_3: Final = 0x2008_0522
_CAPABILITIES_MAX: Final = 64
_TASKS: Final = Path("/proc/self/task")


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def held() -> int:
    """The capabilities that this process can use, one bit each."""
    return int(_status(Path("/proc/self/status"))["CapEff"], 16)


def give_up(uid: int, gid: int, groups: Sequence[int], *, keep: int = 0) -> None:
    """Be this user, with the capabilities in `keep` alone (bits). Raises OSError where any of it can't be."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "this system has no such rights")
    if len(os.listdir(_TASKS)) != 1:
        raise OSError(errno.EBUSY, "there are threads already, which would keep what is given up")
    libc = ctypes.CDLL(None, use_errno=True)
    bound = held() >> CAP_SETPCAP & 1
    if bound:
        for number in range(_CAPABILITIES_MAX):
            if libc.prctl(_CAPBSET_READ, number, 0, 0, 0) == 1 and not keep >> number & 1:
                _call(libc.prctl(_CAPBSET_DROP, number, 0, 0, 0))
    if (os.geteuid(), os.getegid()) != (uid, gid) or os.geteuid() == 0:
        _call(libc.prctl(_SET_KEEPCAPS, int(keep != 0), 0, 0, 0))
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _call(libc.prctl(_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    sets = (_Set * 2)(*(_Set(part, part, 0) for part in (keep & 0xFFFF_FFFF, keep >> 32)))
    _call(libc.capset(ctypes.byref(_Head(_CAPABILITY_VERSION_3, 0)), sets))
    _call(libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0))  # what is in its memory is nobody's, also of processes of this user
    _look(uid, gid, keep, bound=bool(bound))


def _call(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _look(uid: int, gid: int, keep: int, *, bound: bool) -> None:
    """Raises OSError where anything is left."""
    for task in _TASKS.iterdir():
        told = _status(task / "status")
        wanted = {"Uid": [str(uid)] * 4, "Gid": [str(gid)] * 4, "NoNewPrivs": ["1"]}
        wrong = [name for name, value in wanted.items() if told[name].split() != value]
        sets = {"CapPrm": keep, "CapEff": keep, "CapInh": 0, "CapAmb": 0} | ({"CapBnd": keep} if bound else {})
        wrong += [name for name, value in sets.items() if int(told[name], 16) & ~value]
        if wrong:
            raise OSError(errno.EPERM, f"the system says that rights are left: {', '.join(wrong)}")
    try:
        os.setuid(0)
    except OSError:
        return
    raise OSError(errno.EPERM, "the system lets this process be root again")


def _status(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
