"""A real monorepo: the source of Linux as the distribution packages it, 84,000 entries, unpacked once for all tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKED = ("linux-source-*.tar.*", "linux-source-*/linux-source-*.tar.*")


@pytest.fixture(scope="session")
def linux() -> Iterator[Path]:
    """The tree; tests may change it. 1.3 GB, so it is not left behind as pytest's own directories are."""
    archives = sorted(path for pattern in PACKED for path in Path("/usr/src").glob(pattern) if path.is_file())
    if not archives:
        pytest.fail("no packed Linux source in /usr/src: run `make system-packages`", pytrace=False)
    unpacked = Path(tempfile.mkdtemp(prefix="smarttree-linux-"))
    try:
        subprocess.run(["tar", "-xf", archives[-1], "--no-same-owner", "-C", unpacked], check=True)
        (tree,) = unpacked.iterdir()
        yield tree
    finally:
        shutil.rmtree(unpacked)
