"""What the hub needs of the service: a contract, so that streams can be tested without a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from smarttree.clock import Clock
from smarttree.modes import View
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Criteria
from smarttree.stream.log import Log
from smarttree.tree import Totals


class Progress(Protocol):
    @property
    def entries(self) -> int: ...


class Selecting(Protocol):
    """Who keeps what is asked for of the tree (`selections.py`)."""

    def use(self, criteria: Criteria, /) -> int | None: ...
    def share(self, criteria: Criteria, /) -> None: ...
    def leave(self, criteria: Criteria, now_s: float, /) -> None: ...
    def view(self, criteria: Criteria, epoch: int, /) -> View: ...
    def totals(self, criteria: Criteria, /) -> list[tuple[bytes, Totals]]: ...


class Source(Protocol):
    """All of it may be asked from any thread."""

    @property
    def state(self) -> str: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def log(self) -> Log: ...
    @property
    def activity(self) -> Activity: ...
    @property
    def selections(self) -> Selecting: ...
    def view(self) -> View: ...
    def add_listener(self, listener: Callable[[], None], /) -> None: ...
