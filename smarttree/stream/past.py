"""What a lagging client lacks, rendered from the log in a thread: once for all who stand at the same place."""

from __future__ import annotations

import asyncio
from typing import Final

from smarttree.stream.lanes import Lane
from smarttree.stream.log import Log
from smarttree.stream.replay import IN_THE_LOG, Replay
from smarttree.stream.segments import Run

REPLAY_BYTES: Final = 32 << 20


class Past:
    """To be made on the loop."""

    def __init__(self, log: Log, epoch: int) -> None:
        self._log = log
        self._rendering = asyncio.Lock()
        self.renew(epoch)

    def renew(self, epoch: int) -> None:
        """Another epoch has begun: nothing that was rendered is of use."""
        self.replay = Replay(self._log, epoch, REPLAY_BYTES)

    async def after(self, lane: Lane, seq: int) -> Run | None:
        """What follows `seq` up to where the lane's segments begin, or a part of it; None if the log has lost it."""
        stop_seq, key = lane.segments.floor, lane.key
        run = self.replay.cached(key, seq, stop_seq)
        if run is not None:
            return run
        async with self._rendering:
            run = self.replay.cached(key, seq, stop_seq)
            if run is not None:
                return run
            batches = self.replay.missing(key, seq, stop_seq)
            if not batches:
                return None
            rendered = await asyncio.to_thread(self.replay.render, key, batches)
            self.replay.keep(key, rendered)
            whole = Run(b"".join(data for _, data in rendered), IN_THE_LOG, rendered[-1][0])
            return self.replay.cached(key, seq, stop_seq) or whole
