"""`sockets.c`, as it was loaded before the C library: scripts for descriptors, in Python's terms."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("sockets.c")


class Step(NamedTuple):
    """One call of sendmsg or recv: an error, or so many bytes at most; after EAGAIN, how many waits the edge is off."""

    error: int
    limit: int


class Event(NamedTuple):
    """One wait that tells of a descriptor (-1: of none) what the kernel did not; or fails with an error, for -1."""

    descriptor: int
    mask: int
    error: int


class _Step(ctypes.Structure):
    _fields_ = (("error", ctypes.c_int32), ("limit", ctypes.c_uint32))


class _Event(ctypes.Structure):
    _fields_ = (("descriptor", ctypes.c_int32), ("mask", ctypes.c_uint32), ("error", ctypes.c_int32))


_HEARD = ctypes.CFUNCTYPE(None)


class Scripts:
    """Only in a process that `run` has begun. Keeps the memory that scripts lie in."""

    def __init__(self) -> None:
        self._calls = ctypes.CDLL(os.environ["SCRIPTED_SOCKETS"])
        self._kept: list[object] = []

    def script(self, descriptor: int, sends: Sequence[Step], receives: Sequence[Step], refused: int = 0) -> None:
        """What calls on this descriptor do from now on; `refused`: the error that epoll answers to it."""
        told = (_Step * len(sends))(*(_Step(*step) for step in sends))
        heard = (_Step * len(receives))(*(_Step(*step) for step in receives))
        self._kept += [told, heard]
        sizes = ctypes.c_size_t(len(sends)), ctypes.c_size_t(len(receives))
        self._calls.script(descriptor, told, sizes[0], heard, sizes[1], refused)

    def told(self, descriptor: int, hear: Callable[[], None]) -> None:
        """`hear` is called in the middle of each `eventfd_write` on this descriptor, by the thread that makes it."""
        heard = _HEARD(hear)
        self._kept.append(heard)
        self._calls.script_told(descriptor, heard)

    def waits(self, events: Sequence[Event]) -> None:
        told = (_Event * len(events))(*(_Event(*event) for event in events))
        self._kept.append(told)
        self._calls.script_waits(told, ctypes.c_size_t(len(events)))


def run(directory: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m module` with its sockets scripted; the library is built in `directory`."""
    library = directory / "sockets.so"
    flags = ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-std=gnu17"]
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run([os.environ.get("CC") or "cc", *flags, "-o", library, SOURCE, "-ldl"], check=True, env=plain)
    preloaded = [*filter(None, [os.environ.get("LD_PRELOAD")]), str(library)]  # a sanitizer comes first
    environment = {**os.environ, "LD_PRELOAD": ":".join(preloaded), "SCRIPTED_SOCKETS": str(library)}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, capture_output=True, text=True, check=False
    )
