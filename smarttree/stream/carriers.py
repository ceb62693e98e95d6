"""Which carrier moves the bytes: the reactor's thread where the system has what it needs, this loop where not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smarttree.errors import ConfigError

if TYPE_CHECKING:  # the command line reads the names, and shall not wait for asyncio
    from smarttree.stream.lanes import Carrier
    from smarttree.stream.past import Past

AUTO: Final = "auto"
REACTOR: Final = "reactor"
LOOP: Final = "loop"
NAMES: Final = (AUTO, REACTOR, LOOP)


def choose(name: str) -> str:
    """REACTOR or LOOP. Raises ConfigError for a reactor where there can be none."""
    linux = sys.platform == "linux"
    if name == REACTOR and not linux:
        raise ConfigError("the reactor needs Linux; leave --fanout out, or say loop")
    return REACTOR if linux and name != LOOP else LOOP


def make_reacting(past: Past, retry: Callable[[], bytes]) -> Carrier:
    """The carrier of the reactor, to be made on the loop. Its kernel is not built elsewhere than on Linux."""
    from smarttree.stream.reacting import Reacting

    return Reacting(past, retry)
