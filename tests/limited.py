"""A command under a limit of its own on inotify: in a namespace of users, so that no one else comes under it.

Law: what can't be had is skipped; nothing of this machine is changed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache

import pytest

WATCHES = "max_inotify_watches"
INSTANCES = "max_inotify_instances"
_SET = 'echo "$2" > "/proc/sys/user/$1"'


def limited(command: Sequence[str], limit: int, of: str = WATCHES) -> tuple[str, ...]:
    """`command` where there may be so many, and no fanotify."""
    script = f'{_SET} && shift 2 && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", of, str(limit), *command)


def raise_limit(pid: int, limit: int, of: str = WATCHES) -> None:
    """For the process that such a command has become."""
    enter = ["nsenter", "--user", "--preserve-credentials", f"--target={pid}"]
    subprocess.run([*enter, "sh", "-c", _SET, "sh", of, str(limit)], check=True)


@cache
def _why_not() -> str:
    try:
        tried = subprocess.run(limited(["true"], 10), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return tried.stderr if tried.returncode else ""


needs_limits = pytest.mark.skipif(bool(_why_not()), reason=f"no limit of our own can be had here: {_why_not()}")
