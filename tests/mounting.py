"""File systems in memory or in a file, mounted for a test.

Law: a test is skipped where nothing may be mounted.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(point: Path, kind: str = "tmpfs", *, source: Path | None = None, options: str = "rw") -> Iterator[None]:
    """A file system there, while it lasts."""
    command = ["mount", "-t", kind, "-o", options, source or kind, point]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", point], check=True)
