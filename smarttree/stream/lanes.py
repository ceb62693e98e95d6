"""A lane is the live bytes that some classes of streams share; a carrier takes them to the clients that stand in it.

Here are the lane, which is pure, and what everyone around it needs to know of the others: a client's connection
(`Sink`), and who moves its bytes (`Carrier`: the reactor's thread, or this loop where there is none).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from smarttree.codec.coding import piece
from smarttree.stream.classes import LaneKey
from smarttree.stream.figures import Figures
from smarttree.stream.replay import IN_THE_LOG
from smarttree.stream.segments import Segments

SLICE_BYTES: Final = 64 * 1024  # one write to one client: keeps 10,000 of them fair, and a socket's buffer takes it
GOODBYE_S: Final = 0.25  # for clients to take their `retry:` at the end
LANE_BYTES: Final = 16 << 20  # segments of a lane; who lags further reads from the log
LANE_MIN_BYTES: Final = 64 << 10
LANES_BYTES: Final = 256 << 20  # of all together: where there are many, each keeps its share


def share(lanes: int) -> int:
    """How many bytes each of so many lanes may keep."""
    return min(LANE_BYTES, max(LANE_MIN_BYTES, LANES_BYTES // max(1, lanes)))


class Guest(Protocol):
    """Whose stream it is: nothing here knows more of them, but that they have users like a lane."""

    def enter(self) -> None: ...

    def leave(self) -> None: ...


class Sink(Protocol):
    """A client's connection."""

    @property
    def peer(self) -> str: ...

    @property
    def guest(self) -> Guest:
        """Who was let in, so that they can be sent away."""

    def free(self) -> bool:
        """Whether everything written so far is with the kernel, so that `send` costs no memory."""

    def send(self, data: bytes) -> None:
        """Writes now; only where `free`."""

    async def write(self, data: bytes) -> None:
        """Writes at the client's pace. Raises ConnectionError when the client is gone."""

    async def settle(self) -> bool:
        """Whether it is a plain socket of the kernel's, which may be detached. If so, all that was written is there."""

    def detach(self) -> int:
        """The socket, as a descriptor that is the caller's; this object is of no use from then on. After `settle`."""

    def abort(self) -> None:
        """Ends the connection at once."""


class Lane:
    """Lives as long as it has clients: who `enter`s it `leave`s it. `lost` when the log dropped a batch before it was
    sent here.
    """

    def __init__(self, key: LaneKey, seq: int, now: float, on_empty: Callable[[Lane], None]) -> None:
        self.key = key
        self.segments = Segments(seq, LANE_BYTES)
        self.clients = 0
        self.touched = now  # when something was last appended; the heartbeat's measure
        self.lost = False
        self._on_empty = on_empty

    def enter(self) -> None:
        self.clients += 1

    def leave(self) -> None:
        self.clients -= 1
        if not self.clients:
            self._on_empty(self)

    def append(self, seq: int, data: bytes, now: float) -> None:
        """`data` is in the lane's coding."""
        self.segments.append(seq, data)
        self.touched = now

    def interpose(self, plain: bytes, now: float) -> None:
        """Adds what stands between two batches."""
        self.append(self.segments.seq, piece(self.key.coding, plain), now)

    def index(self, seq: int) -> int:
        """Where a client with everything up to `seq` goes on."""
        index = self.segments.locate(seq)
        return IN_THE_LOG if index is None else index


class Carrier(Protocol):
    """Who moves bytes to clients. All of it is called on the loop."""

    def __len__(self) -> int:
        """How many clients it has."""

    async def carry(self, sink: Sink, lane: Lane, seq: int) -> None:
        """Takes a client on from `seq`. Returns when that has ended, or is no concern of the caller's any more."""

    def flush(self, lane: Lane) -> None:
        """The lane has grown."""

    def lose(self, lane: Lane) -> None:
        """The lane is lost: its clients are closed between two batches, and come back by their ids."""

    def end(self, is_over: Callable[[Guest], bool]) -> None:
        """Ends the streams of guests of whom that is said."""

    async def figures(self) -> Figures: ...

    async def close(self) -> None:
        """Ends every stream: with a `retry:` for who takes it in time."""
