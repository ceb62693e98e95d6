"""The kernel's limit on inotify watches, and the command that raises one of its limits.

There is a limit for each user in each namespace of users, and each holds; the first namespace's is fs.inotify's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

WATCHES: Final = ("fs.inotify.max_user_watches", "user.max_inotify_watches")
INSTANCES: Final = ("fs.inotify.max_user_instances", "user.max_inotify_instances")
MARKS: Final = ("fs.fanotify.max_user_marks", "user.max_fanotify_marks")
QUEUE: Final = ("fs.inotify.max_queued_events",)

WATCHES_LEAST: Final = 65_536
INSTANCES_ENOUGH: Final = 1024
ROOM: Final = 2
"""A limit is raised to that many times what is needed now: trees grow, and others watch too."""

_PROC_SYS: Final = Path("/proc/sys")


class Limit(NamedTuple):
    """A setting of sysctl(8), and its value; None where it can't be read."""

    setting: str
    value: int | None


def lowest(settings: tuple[str, ...]) -> Limit:
    """That which holds first."""
    found = [Limit(setting, read(setting)) for setting in settings]
    return min(found, key=lambda limit: float("inf") if limit.value is None else limit.value)


def read(setting: str) -> int | None:
    try:
        return int(_PROC_SYS.joinpath(*setting.split(".")).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def enough_for(watches: int) -> int:
    """A limit that leaves room: a power of two."""
    return max(WATCHES_LEAST, 1 << (ROOM * watches - 1).bit_length())


def raise_now(setting: str, value: int) -> str:
    """The command that raises a limit until the next start of the system."""
    return f"sudo sysctl {setting}={value}"


def keep_raised(setting: str, value: int) -> str:
    """The command that has it raised at each start."""
    name = setting.rpartition(".")[2]
    return f"echo {setting}={value} | sudo tee /etc/sysctl.d/60-smarttree-{name}.conf"
