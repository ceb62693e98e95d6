"""The seeds of this run: one that is always the same, and one that is new each time unless STORM_SEED names it.

Law: what was random can be repeated, so the new seed is shown whatever comes of it.
"""

from __future__ import annotations

import os
import secrets

import pytest

FIXED = 2026
FRESH = int(os.environ.get("STORM_SEED") or secrets.randbits(32))
RUN = pytest.StashKey[bool]()


@pytest.fixture(params=["fixed", "fresh"])
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a storm."""
    request.config.stash[RUN] = True
    return FIXED if request.param == "fixed" else FRESH


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash.get(RUN, False):
        terminalreporter.write_line(f"storms: seeds {FIXED} and {FRESH} (to repeat it: STORM_SEED={FRESH})")
