"""The clock that outlives the program: one small file, and a lock so that no two share it.

Law: the file is the old state or the new one, whole, at every moment, also when the power fails: written beside it,
synced, renamed, and the directory synced.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import SmartTreeError

__all__ = ["State", "StateError"]

FORMAT: Final = 1


class StateError(SmartTreeError):
    """The state can't be used: somebody else does, or it is not what it should be."""

    def __init__(self, message: str) -> None:
        super().__init__("state", message)


class State:
    """Without a file it is kept for as long as the program runs."""

    def __init__(self, path: Path | None) -> None:
        self.clock: str | None = None
        self._path = path
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Locks and reads it. Raises StateError."""
        if self._path is None:
            return self
        try:
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.clock = self._read(self._path)
        except BlockingIOError:
            self._unlock()
            raise StateError(f"{self._path} is in use by another st-follow: give each its own --state") from None
        except OSError as error:
            self._unlock()
            raise StateError(f"{self._path}: {error.strerror}") from error
        except StateError:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self, path: Path) -> str | None:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            told = json.loads(text)
            clock = told["clock"]
            if told["format"] != FORMAT or not isinstance(clock, str):
                raise ValueError("of another version")
        except (ValueError, KeyError, TypeError):
            raise StateError(f"{path} is no state of st-follow: remove it to begin at the present") from None
        return clock

    def save(self, clock: str) -> None:
        """Raises StateError where it can't be written."""
        self.clock = clock
        if self._path is None:
            return
        beside = Path(f"{self._path}.new")
        try:
            with beside.open("w") as file:
                json.dump({"format": FORMAT, "clock": clock}, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error
