"""How the streams do, as numbers: what /stats tells. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

WORST_MAX: Final = 10


class Lag(NamedTuple):
    """A client that has not got everything: how far behind it is, and since when. `seq` is what it has."""

    peer: str
    seq: int
    nbytes: int
    seconds: float


class Figures(NamedTuple):
    """`closed` counts connections that ended by why; `worst` are those furthest behind, the worst first."""

    clients: int = 0
    lagging: int = 0
    lag_bytes: int = 0  # of the worst, as is ...
    lag_s: float = 0.0
    sends: int = 0
    sent_bytes: int = 0
    closed: Mapping[str, int] = MappingProxyType({})
    worst: Sequence[Lag] = ()


def together(parts: Sequence[Figures]) -> Figures:
    """The figures of several carriers as one."""
    return Figures(
        sum(part.clients for part in parts),
        sum(part.lagging for part in parts),
        max((part.lag_bytes for part in parts), default=0),
        max((part.lag_s for part in parts), default=0.0),
        sum(part.sends for part in parts),
        sum(part.sent_bytes for part in parts),
        sum((Counter(part.closed) for part in parts), Counter()),
        sorted((lag for part in parts for lag in part.worst), key=lambda lag: -lag.nbytes)[:WORST_MAX],
    )
