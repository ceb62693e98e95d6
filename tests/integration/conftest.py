"""What tests share: a server over an empty directory, one for a whole file; and a real monorepo.

The monorepo is the source of Linux as the distribution packages it, 84,000 entries, unpacked once for all tests.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.process import Process

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


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def server(watched: Path) -> Iterator[Process]:
    """One for a whole script of edits. Batches are cut small, so that bursts come in several."""
    with Process(watched, "--batch-max-bytes", "8K") as running:
        running.await_ready()
        yield running
        assert "Traceback" not in running.log()
        assert "defect" not in running.log()
