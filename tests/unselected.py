"""A source of streams of which nobody can ask for a part."""

from __future__ import annotations

import pytest

from smarttree.modes import View
from smarttree.stream.batch import Criteria
from smarttree.tree import Totals


class NoSelections:
    """All are in use."""

    def use(self, criteria: Criteria) -> int | None:
        return None

    def share(self, criteria: Criteria) -> None:
        pytest.fail("what was not given can't be shared")

    def leave(self, criteria: Criteria, now_s: float) -> None:
        pytest.fail("what was not given can't be left")

    def view(self, criteria: Criteria, epoch: int) -> View:
        return pytest.fail("nothing is selected")

    def totals(self, criteria: Criteria) -> list[tuple[bytes, Totals]]:
        return pytest.fail("nothing is selected")
