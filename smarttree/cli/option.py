"""What one setting is: its names in argv, the environment and a file, and which of the things `st` does it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Which of the things `st` does a setting is for. A flag for another one is refused, not ignored."""

    ALL = "all"
    SERVE = "serve"
    SHOW = "show"
    DECODE = "decode"
    DOCTOR = "doctor"
    STATES = "states"


class Group(Enum):
    """The headings of the help text."""

    WHAT = "what to do"
    NETWORK = "serving: the network"
    SECURITY = "serving: who may read"
    LIMITS = "serving: how much anyone may have"
    CHANGES = "serving: changes and streams"
    GENERAL = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting.

    `read` turns text into a value and raises ValueError; None marks a switch, which takes no value.
    `targets` names the fields of the configuration it sets (`service.x`, `http.x`, `show.x`); the first is where
    its default comes from. `many` settings may be repeated, or hold several values by `separator`.
    `in_environment` and `in_file` are False where that makes no sense. `later` is set where the thing itself is not
    built yet, and says what will come.
    """

    name: str
    help: str
    group: Group = Group.GENERAL
    scope: Scope = Scope.ALL
    read: Callable[[str], object] | None = None
    metavar: str | None = None
    short: str | None = None
    many: bool = False
    separator: str = ","
    in_environment: bool = True
    in_file: bool = True
    targets: tuple[str, ...] = ()
    later: str | None = None

    @property
    def flag(self) -> str:
        """As in argv: `--batch-ms`."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """As in the environment: `SMARTTREE_BATCH_MS`."""
        return "SMARTTREE_" + self.key.upper()

    @property
    def key(self) -> str:
        """As in a TOML file: `batch_ms`."""
        return self.name.replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return self.read is None
