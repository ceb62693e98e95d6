"""Each library's adapter, for a whole file of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from clients.contract.adapters import LANGUAGES, Adapter, built


@pytest.fixture(scope="module", params=LANGUAGES)
def adapter(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    """One that answers; what isn't built fails in continuous integration, and is skipped elsewhere."""
    if not built(request.param).exists():
        missing = f"no adapter of {request.param}: run `make -C clients/{request.param} adapter`"
        pytest.fail(missing, pytrace=False) if os.environ.get("CI") else pytest.skip(missing)
    with Adapter(request.param) as adapter:
        yield adapter
        assert adapter.end() == 0, adapter.errors()
