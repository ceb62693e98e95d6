"""A minute of a hostile network: malformed HTTP and slow clients, and live streams beside them that lose nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.hostile.campaign import Campaign, Plan

SECONDS = float(os.environ.get("HOSTILE_SECONDS") or 15)
SEED = int(os.environ.get("HOSTILE_SEED") or secrets.randbits(32))


@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
def test_a_hostile_network_changes_nothing_for_others(tmp_path: Path, guarded: bool) -> None:
    print(f"HOSTILE_SEED={SEED}")
    outcome = Campaign(Plan(SEED, SECONDS, guarded), tmp_path).run()
    print(", ".join(f"{value:,} {name}" for name, value in outcome._asdict().items()))
    assert outcome.connections > SECONDS
