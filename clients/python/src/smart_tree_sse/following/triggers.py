"""From the server's answers to triggers: one for everything that has changed since the last one that was dealt with.

Law: a trigger ends where nothing larger is under way (`complete`), and tells each change once, or that everything may
have changed. Asking is by `GET /changes`: what came while a trigger was dealt with is one answer, already compacted.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ..calls import Changes, ChangeTold
from ..client import SmartTreeSSE
from ..errors import ConnectionLostError, ProblemError
from ..waiting import Waiting

__all__ = ["CHANGES_MAX", "Trigger", "triggers"]

WAIT_S: Final = 60
# While something larger is under way: its end may be a batch of no changes, which nobody who waits is woken for.
WAIT_FOR_END_S: Final = 1
CHANGES_MAX: Final = 1_000_000  # of one trigger; with more, everything may have changed
PASSING: Final = frozenset({408, 425, 429})


@dataclass(slots=True)
class Trigger:
    """What has changed from one clock to another. `rebased`: the server can't tell; everything may have changed."""

    since: str
    clock: str
    changes: list[ChangeTold] = field(default_factory=list[ChangeTold])
    rebased: bool = False

    def __bool__(self) -> bool:
        return self.rebased or bool(self.changes)

    def add(self, answer: Changes) -> None:
        """What follows it."""
        self.clock = answer["clock"]
        self.changes += answer["changes"]
        if len(self.changes) > CHANGES_MAX:
            self.rebase(self.clock)

    def rebase(self, clock: str) -> None:
        """Nothing is known but that this is the clock now."""
        self.clock, self.changes, self.rebased = clock, [], True


class _Asking:
    """Calls that are made again for as long as that may help."""

    def __init__(self, client: SmartTreeSSE, part: dict[str, Any], *, wait_s: int) -> None:
        self._client = client
        self._part = part
        self._wait_s = wait_s
        self._waiting = Waiting()

    async def clock(self) -> str:
        """The present."""
        while True:
            try:
                return (await self._client.clock(sync=self._wait_s == 0))["clock"]
            except (ConnectionLostError, ProblemError) as error:
                await self._passed(error)

    async def go_on(self, trigger: Trigger, *, wait_s: int) -> bool:
        """Adds what follows the trigger's clock. Whether that is all of it."""
        while True:
            try:
                answer = await self._client.changes(
                    trigger.clock, wait=wait_s or None, sync=self._wait_s == 0, **self._part
                )
            except ProblemError as problem:
                if problem.status == 410 and "clock" in problem.document:
                    trigger.rebase(str(problem.document["clock"]))
                    return True
                await self._passed(problem)
            except ConnectionLostError as error:
                await self._passed(error)
            else:
                self._waiting.failures = 0
                trigger.add(answer)
                return answer["complete"]

    async def _passed(self, error: ConnectionLostError | ProblemError) -> None:
        """Waits for better times; what won't pass is raised."""
        if isinstance(error, ProblemError) and error.status not in PASSING and error.status < 500:
            raise error
        self._waiting.failures += 1
        print(f"st-follow: {error}: trying again", file=sys.stderr, flush=True)
        await asyncio.sleep(self._waiting.seconds(random.random()))


async def triggers(
    client: SmartTreeSSE, since: str | None, part: dict[str, Any], *, once: bool, kept: Callable[[str], None]
) -> AsyncGenerator[Trigger]:
    """Each trigger, which the caller deals with before it asks for the next one. `kept` is told a clock that nothing
    leads to. With `once`, what there is by now, and no more."""
    asking = _Asking(client, part, wait_s=0 if once else WAIT_S)
    if since is None:
        since = await asking.clock()
        kept(since)
    while True:
        trigger = Trigger(since, since)
        whole = await asking.go_on(trigger, wait_s=0 if once else WAIT_S)
        while not whole:
            whole = await asking.go_on(trigger, wait_s=WAIT_FOR_END_S)
        if trigger:
            yield trigger
        elif trigger.clock != since:
            kept(trigger.clock)
        since = trigger.clock
        if once:
            return
