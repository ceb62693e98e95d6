"""Each mode's document of one tree, byte by byte, as people have agreed to it (tests/golden/project.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarttree import modes
from tests.golden.project import golden, plant, view_of

TOLD = [name for name in modes.MODES if name != "quantum"]  # that one has its vectors


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("project")
    plant(top)
    return top


@pytest.mark.parametrize("name", TOLD)
def test_the_document_is_the_golden_one(project: Path, name: str) -> None:
    view, top = view_of(project)
    assert b"".join(modes.find(name).render(view, top, depth=None)) == golden(name).read_bytes()


def test_there_is_a_golden_document_for_each_mode() -> None:
    assert sorted(golden("x").parent.glob("*.txt")) == sorted(golden(name) for name in TOLD)
