"""The machine card: what a figure was measured on, without which it says little. It holds no name and no path."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import smarttree

ROOT = Path(__file__).resolve().parent.parent
OTHERS_MAX = 0.1


def card() -> dict[str, str | int | float]:
    """Processor, memory, kernel, and the versions of what was measured and what it was built with."""
    return {
        "cpu": _found(r"model name\s*: (.+)", Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "virtual": "hypervisor" in _found(r"flags\s*: (.+)", Path("/proc/cpuinfo")).split(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": first_line([os.environ.get("CC", "cc"), "--version"]),
        "smarttree": smarttree.__version__,
        "commit": _commit(),
    }


def filesystem(path: Path) -> str:
    """The type of the file system that `path` lies on, such as `ext4`."""
    best, kind = -1, "unknown"
    resolved = str(path.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, found = line.split()[4], line.split(" - ")[1].split()[0]
        inside = resolved == place or resolved.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= best:
            best, kind = len(place), found
    return kind


def first_line(command: list[str]) -> str:
    """The first line that a command prints. Raises OSError, CalledProcessError."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")[0].strip()


class Others:
    """How much of the machine everyone else took, from when this was made: a busy machine moves even ratios."""

    def __init__(self) -> None:
        self._start = self._now()

    def share(self) -> float:
        """0 to 1: processor time that neither we nor our finished children used, nor was idle."""
        total, busy, own = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return round(max(0.0, busy - own) / total, 3) if total else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(usage.ru_utime + usage.ru_stime for usage in used)
        a_second = os.sysconf("SC_CLK_TCK")
        return sum(ticks) / a_second, (sum(ticks) - idle) / a_second, own


def disturbed() -> Callable[[], bool]:
    """Asks at a round's end whether others took more than a tenth of the machine during it."""
    others = Others()
    return lambda: others.share() > OTHERS_MAX


def _found(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text())
    return found[1].strip() if found else "unknown"


def _commit() -> str:
    try:
        commit = first_line(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
        changed = first_line(["git", "-C", str(ROOT), "status", "--porcelain", "--", "smarttree", "bench"])
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} and changes not committed" if changed else commit
