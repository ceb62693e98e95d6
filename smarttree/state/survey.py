"""State directories seen from outside: what is in one, who uses it, and how one is removed that nobody uses.

Law: looking changes nothing, and holds a lock for no longer than it takes to ask for it. What is removed is held
meanwhile, is a directory and no link to one, and loses nothing but files that a server makes.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smarttree.clock import Clock
from smarttree.errors import PathError, StateDamaged, StateInUse, Unreadable
from smarttree.printable import printable
from smarttree.state.place import LOCK, MARK, Mark, forget_witness, holder_of
from smarttree.state.snapshot import decode_tree
from smarttree.state.store import OURS
from smarttree.stream.journal import BATCH, decode_origin, walk

_OTHERS_OF_OURS: Final = frozenset({LOCK, MARK, f"{MARK}.draft", "tickets.key", "tickets.key.draft"})
_LOG_VERSION: Final = struct.Struct("<8sH")
_TREE_VERSION: Final = struct.Struct("<8sI")
_LOOKS_MAX: Final = 5
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One state directory. `roots` are those of the newest stored tree, `clock` is the newest that is kept. `holder`:
    the process that uses it, as that says itself; None: nobody does. `trouble`: what can't be read, and so begins a new
    epoch.
    """

    directory: bytes
    roots: tuple[bytes, ...] = ()
    clock: Clock | None = None
    is_clean: bool = False
    nbytes: int = 0
    files: int = 0
    changed_ns: int = 0
    log_version: int | None = None
    tree_version: int | None = None
    holder: str | None = None
    trouble: str = ""


def states_in(family: Path) -> list[Path]:
    """The directories in there that are states, by name."""
    try:
        return sorted(path for path in family.iterdir() if not path.is_symlink() and is_state(path))
    except OSError:
        return []


def is_state(directory: Path) -> bool:
    """Whether a server has made it one: by its lock, and a tree or a log."""
    try:
        return _is_state(os.listdir(directory))
    except OSError:
        return False


def _is_state(names: Sequence[str]) -> bool:
    return LOCK in names and any(map(OURS.fullmatch, names))


def look(directory: Path) -> Survey:
    """Reads the newest tree, and the newest file of the log. Raises OSError."""
    for _ in range(_LOOKS_MAX):
        try:
            return _look(directory)
        except FileNotFoundError:  # a server that uses it has replaced one of its files meanwhile
            continue
    return _look(directory)


def _look(directory: Path) -> Survey:
    files = {path.name: path.lstat() for path in directory.iterdir() if _is_ours(path.name)}
    trouble, mark, clock = "", None, None
    roots: tuple[bytes, ...] = ()
    try:
        mark = Mark.decode((directory / MARK).read_bytes())
    except FileNotFoundError:
        trouble = "there is no mark of a run"
    except (StateDamaged, ValueError) as error:
        trouble = str(error)
    trees, logs = (
        sorted(name for name in files if re.fullmatch(rf"{kind}\.[0-9a-f.]+", name)) for kind in ("tree", "log")
    )
    if mark is not None:
        trees, logs = ([name for name in names if f".{mark.epoch:016x}." in name] for names in (trees, logs))
        try:
            roots, seq = _read(directory, trees, logs)
            clock = Clock(mark.epoch, mark.seq if mark.clean else seq)
        except StateDamaged as error:
            trouble = str(error)
    return Survey(
        directory=os.fsencode(directory),
        roots=roots,
        clock=clock,
        is_clean=mark is not None and mark.clean,
        nbytes=sum(about.st_size for about in files.values()),
        files=len(files),
        changed_ns=max((about.st_mtime_ns for name, about in files.items() if name != LOCK), default=0),
        log_version=_version(directory, logs, _LOG_VERSION),
        tree_version=_version(directory, trees, _TREE_VERSION),
        holder=_holder(directory),
        trouble=trouble,
    )


def _is_ours(name: str) -> bool:
    return name in _OTHERS_OF_OURS or OURS.fullmatch(name) is not None


def _read(directory: Path, trees: Sequence[str], logs: Sequence[str]) -> tuple[tuple[bytes, ...], int]:
    """The roots of the newest tree, and the seq of the newest batch. Raises StateDamaged."""
    roots: tuple[bytes, ...] = ()
    seq = 0
    if trees:
        kept = decode_tree(memoryview((directory / trees[-1]).read_bytes()))
        roots, seq = tuple(kept.tree.path(root) for root in kept.tree.roots()), kept.clock.seq
    if logs:
        data = memoryview((directory / logs[-1]).read_bytes())
        origin = decode_origin(data)
        seq = max(seq, origin.seq)
        for record in walk(data, origin):
            seq = record.seq if record.type == BATCH else seq
    return roots, seq


def _version(directory: Path, names: Sequence[str], head: struct.Struct) -> int | None:
    """As the newest of these files says."""
    try:
        with open(directory / names[-1], "rb") as file:
            return int(head.unpack(file.read(head.size))[1])
    except (IndexError, OSError, struct.error):
        return None


def _holder(directory: Path) -> str | None:
    fd = os.open(directory / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return holder_of(fd) or "unknown"
    finally:
        os.close(fd)
    return None


# ---------------------------------------------------------------- removing


def remove(directory: Path) -> list[str]:
    """Remove what is ours in it, and it if nothing else is there; what was left. Raises StateInUse, PathError and
    OSError.
    """
    shown = printable(os.fsencode(directory))
    with _held(directory, shown) as fd:
        left = []
        for name in sorted(os.listdir(fd), key=LOCK.__eq__):  # the lock last
            if _is_ours(name) and stat.S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=fd)
            else:
                left.append(name)
    if not left:
        os.rmdir(directory)
    forget_witness(directory)
    return left


@contextmanager
def _held(directory: Path, shown: str) -> Iterator[int]:
    """The open directory, which is a state of ours, while no server can take it."""
    try:
        fd = os.open(directory, _OPEN)
    except OSError as error:
        raise PathError(
            f"{shown} is no directory that can be opened, and links are not followed: {error.strerror}"
        ) from error
    try:
        if os.geteuid() not in (0, os.fstat(fd).st_uid):
            raise Unreadable(f"{shown} belongs to another user: run this as that one")
        if not _is_state(os.listdir(fd)):
            raise PathError(f"{shown} is no state directory: `st state` shows which there are")
        lock = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = holder_of(lock) or "unknown"
            os.close(lock)
            raise StateInUse(f"a server (process {holder}) uses {shown}: stop that first") from error
        try:
            yield fd
        finally:
            os.close(lock)
    finally:
        os.close(fd)
