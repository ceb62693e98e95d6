"""What fuzzing has kept and found, replayed with the ordinary build: a seed, a kept or a found input breaks no law."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.corpus import FOUND, KEPT, seeds
from tests.fuzz.target import examine


def test_every_seed_is_taken_or_refused() -> None:
    inputs = list(seeds())
    assert len(inputs) > 200
    for _, data in inputs:
        examine(data)


@pytest.mark.parametrize("folder", [KEPT, FOUND], ids=lambda folder: folder.name)
def test_what_was_kept_or_found_breaks_no_law(folder: Path) -> None:
    for path in sorted(folder.glob("*")):
        examine(path.read_bytes())
