"""A small named tree, and a server over it, for the tests of the HTTP face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import Server


@pytest.fixture(params=["reactor", "loop"])
def fanout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who moves the bytes: what asks for this holds with each."""
    monkeypatch.setenv("SMARTTREE_FANOUT", request.param)
    return str(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """project/{README.md, src/{main.rs, lib.rs}, empty/, latest -> src}"""
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "README.md").write_bytes(b"# read me\n")
    (root / "src" / "main.rs").write_bytes(b"fn main() {}\n")
    (root / "src" / "lib.rs").write_bytes(b"//\n" * 100)
    (root / "latest").symlink_to("src")
    return root


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project) as running:
        yield running
