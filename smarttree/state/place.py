"""The state directory itself: where it is, who holds it, how the last run ended, and what this boot has seen.

Law: one process at a time. The lock is the kernel's, so it ends with its holder, however that ends. The *mark* says in
which boot an epoch is written to, and whether it was stopped cleanly; the *witness* lies in memory that a boot keeps
and no backup has, and knows how far the log had come: a log that is shorter was put back from a copy.
"""

from __future__ import annotations

import errno
import json
import logging
import mmap
import os
import stat
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import xxhash

from smarttree.errors import StateDamaged, StateInUse
from smarttree.printable import printable

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

LOCK, MARK = "lock", "mark"
_WITNESS: Final = struct.Struct("=16sQQ")
_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
NO_BOOT: Final = ""
_LOOKS_MAX: Final = 10
_LOOK_S: Final = 0.02
"""Who looks at a directory (`st state`) holds its lock for a moment, which is no server."""


def boot_id() -> str:
    """The same until the machine starts anew; "" where the system does not say: then each start counts as one."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return NO_BOOT


class Mark(NamedTuple):
    """How the last run left things: in which boot, and, if `clean`, with all up to `seq` on disk."""

    boot: str
    epoch: int
    clean: bool
    seq: int

    def encode(self) -> bytes:
        text = json.dumps([1, self.boot, f"{self.epoch:016x}", self.clean, self.seq])
        return f"{text}\n{xxhash.xxh64_hexdigest(text.encode())}\n".encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises StateDamaged."""
        text, _, check = data.decode("ascii", "replace").rstrip("\n").partition("\n")
        if xxhash.xxh64_hexdigest(text.encode()) != check:
            raise StateDamaged("the mark of the last run does not match its check")
        version, boot, epoch, clean, seq = json.loads(text)
        if version != 1:
            raise StateDamaged(f"the mark of the last run has version {version}; this is 1")
        return cls(boot, int(epoch, 16), clean, seq)


class Place:
    """One state directory, held. `close` lets it go; so does the end of the process."""

    def __init__(self, directory: Path, family: Path | None = None) -> None:
        """`family`: the directory of all default places, hidden as well. Raises StateInUse, and OSError where it can't
        be made or written to.
        """
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, "this system has no lock that ends with its holder")
        self.directory, self._family = directory, family
        if family is not None:
            family.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _take(directory)
        try:
            self._write_pid()
        except OSError:
            os.close(self._lock)
            raise
        self.boot = boot_id()
        self._witness = Witness(directory, self.boot)

    def _write_pid(self) -> None:
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def read_mark(self) -> Mark | None:
        """None where there was no run. Raises StateDamaged, and OSError."""
        try:
            return Mark.decode((self.directory / MARK).read_bytes())
        except FileNotFoundError:
            return None

    def write_mark(self, mark: Mark, *, sync: bool) -> None:
        """In place of the one before, whole or not at all."""
        write_whole(self.directory / MARK, [mark.encode()], sync=sync)

    @property
    def witness(self) -> Witness:
        return self._witness

    def hidden(self) -> list[tuple[int, int]]:
        """(device, inode) of what no tree shows. The directory of all default places, too: of two servers that show
        each other's directories, each would log what the other has logged.
        """
        seen = [path.stat() for path in (self.directory, self._family, self._witness.directory) if path is not None]
        return [(each.st_dev, each.st_ino) for each in seen]

    def close(self) -> None:
        self._witness.close()
        os.close(self._lock)


def _take(directory: Path) -> int:
    """The lock of a directory, which is made if it isn't there. Raises StateInUse and OSError."""
    holder = ""
    for _ in range(_LOOKS_MAX):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.geteuid():
            raise PermissionError(f"{printable(os.fsencode(directory))} belongs to another user")
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:  # else it was removed, with all that was there, while we came to it
                return lock
        except BlockingIOError:
            holder = holder_of(lock)
            time.sleep(_LOOK_S)
        os.close(lock)
    raise StateInUse(
        f"another server (process {holder or 'unknown'}) holds {printable(os.fsencode(directory))}: stop that one, or "
        "give this one a state of its own (--state DIR), or none (--no-state)"
    )


def holder_of(lock: int) -> str:
    """The process that an open lock file names; "" where it names none."""
    return os.pread(lock, 32, 0).decode("ascii", "replace").strip()


def forget_witness(directory: Path) -> None:
    """What this boot has seen of a directory that is gone is of no use."""
    key = xxhash.xxh64_hexdigest(os.fsencode(os.path.realpath(directory)))
    for home in _memory_homes():
        try:
            (home / key).unlink()
        except OSError as error:
            logger.debug("no witness in %s: %s", home, error)


class Witness:
    """How far this boot has seen the log of one directory. It costs a store to memory, and is optional."""

    def __init__(self, directory: Path, boot: str) -> None:
        self.directory: Path | None = None
        self._map: mmap.mmap | None = None
        self._words = memoryview(b"")
        self._boot = bytes.fromhex(boot.replace("-", "")) if boot else b""
        if not boot:
            return
        key = xxhash.xxh64_hexdigest(os.fsencode(os.path.realpath(directory)))
        for home in _memory_homes():
            try:
                home.mkdir(mode=0o700, exist_ok=True)
                seen = home.lstat()
                if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
                    continue
                self._map, self.directory = _map(home / key), home
                return
            except OSError as error:
                logger.debug("no witness in %s: %s", home, error)

    def seen(self) -> tuple[int, int] | None:
        """(epoch, seq) up to which this boot has seen the log; None where it has seen none, or can't say."""
        if self._map is None:
            return None
        boot, epoch, seq = _WITNESS.unpack_from(self._map)
        return (epoch, seq) if boot == self._boot else None

    def begin(self, epoch: int, seq: int) -> None:
        if self._map is not None:
            _WITNESS.pack_into(self._map, 0, b"", 0, 0)
            _WITNESS.pack_into(self._map, 0, b"", epoch, seq)
            self._map[:16] = self._boot
            self._words = memoryview(self._map).cast("Q")

    def advance(self, seq: int) -> None:
        """A batch was written, and its clock is about to be shown."""
        if self._map is not None:
            self._words[3] = seq  # one store: it can't be seen half done

    def close(self) -> None:
        if self._map is not None:
            self._words.release()
            self._map.close()
            self._map = None


def _memory_homes() -> list[Path]:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    homes = [Path(given) / "smarttree"] if os.path.isabs(given) else []
    return [*homes, Path(f"/dev/shm/smarttree-{os.geteuid()}")]  # nosec B108  # see Witness


def _map(path: Path) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(fd).st_size != _WITNESS.size:
            os.ftruncate(fd, 0)
            os.pwrite(fd, bytes(_WITNESS.size), 0)
        return mmap.mmap(fd, _WITNESS.size)
    finally:
        os.close(fd)


def write_all(fd: int, pieces: Sequence[bytes | memoryview]) -> None:
    """Raises OSError where not all of it could be written."""
    wanted = sum(map(len, pieces))
    if os.writev(fd, pieces) == wanted:
        return
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_whole(path: Path, pieces: Sequence[bytes | memoryview], *, sync: bool) -> None:
    """A file in place of another, or not at all. With `sync`, once this returns no power cut takes it away."""
    draft = path.with_name(path.name + ".draft")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for piece in pieces:
            at = 0
            while at < len(piece):
                at += os.write(fd, piece[at:])
        if sync:
            os.fsync(fd)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    os.rename(draft, path)
    if sync:
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
