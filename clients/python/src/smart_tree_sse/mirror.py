"""The live, exact mirror of a remote tree: what `replica.py` decides, over `source.py`.

Law: at every moment it is the tree of one clock, and shows the last good one while it fetches another. Whatever it
can't go on from is replaced, with its reason told, and what differs then is told path by path.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from .batches import Batch
from .errors import ConnectionLostError, ProblemError, StreamEndedError
from .events import OtherEvent, QuantumEvent, TreeEvent, events_of
from .fetching import GroupsLostError, fetch_groups
from .globs import Glob
from .link import Link, Query
from .lookup import Lookup
from .replica import OutOfStepError, Part, RebaseReason, known_groups, lacking, part_of, prepare, whole_tree
from .source import Source
from .subscription import Subscription
from .told import TreeChange, chosen, difference

__all__ = ["Applied", "Lost", "Mirror", "MirrorEvent", "Rebased"]

OFF_LOOP_CHARS: Final = 64 << 10  # of an event: what is longer is worked out in a thread of its own

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rebased:
    """Everything was replaced. `fetched`: so many groups came one by one; the rest was known, or came in one piece."""

    reason: RebaseReason
    clock: str
    fetched: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The mirror is now the tree of this clock: its digest, and how many entries it has, roots included."""

    clock: str
    digest: str
    entries: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection has ended, and will be made again."""

    why: str


MirrorEvent = Rebased | Applied | Lost | TreeChange


class Mirror(Lookup):
    """Made by `SmartTreeSSE.mirror`. An async context, which is entered once the first tree is there."""

    def __init__(self, link: Link, part: Query) -> None:
        super().__init__()
        self._link = link
        self._part = [*part]
        self._source = Source(link, self._query("full"), on_lost=self._lost)
        self._documents: list[bytes] = []
        self._clock = ""
        self._reason: RebaseReason | None = "initial"
        self._listening: weakref.WeakSet[Subscription[MirrorEvent, Any]] = weakref.WeakSet()
        self._telling: weakref.WeakSet[Subscription[MirrorEvent, Any]] = weakref.WeakSet()
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    @property
    def clock(self) -> str:
        """That of the tree it shows; empty before there is one."""
        return self._clock

    def subscribe(self, *globs: str | bytes) -> Subscription[MirrorEvent, TreeChange]:
        """Each change, from now on, of what a glob matches at its old or its new path; of all, without globs."""
        patterns = tuple(map(Glob, globs or ("**",)))

        def choose(told: Sequence[MirrorEvent]) -> Sequence[TreeChange]:
            return chosen((event for event in told if isinstance(event, TreeChange)), patterns)

        return self._listened(Subscription(choose), telling=True)

    def events(self, *globs: str | bytes) -> Subscription[MirrorEvent, MirrorEvent]:
        """What becomes of the mirror, and the changes that a glob matches. To hear of the first tree, ask before the
        mirror is entered."""
        patterns = tuple(map(Glob, globs))

        def choose(told: Sequence[MirrorEvent]) -> Sequence[MirrorEvent]:
            return [one for one in told if not isinstance(one, TreeChange) or chosen([one], patterns)]

        return self._listened(Subscription(choose), telling=bool(globs))

    def _listened(
        self, subscription: Subscription[MirrorEvent, Result], *, telling: bool
    ) -> Subscription[MirrorEvent, Result]:
        self._listening.add(subscription)
        if telling:
            self._telling.add(subscription)
        return subscription

    # --- its life

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="smart-tree-mirror")
        first = asyncio.create_task(self._first.wait())
        try:
            await asyncio.wait([self._task, first], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.aclose()
            raise
        finally:
            first.cancel()
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends it, and the subscriptions. The tree it has stays readable."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self) -> None:
        """Until it has ended. Raises StreamEndedError where it has ended for good by itself."""
        if self._task is not None:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    # --- following

    async def _follow(self) -> None:
        ended: StreamEndedError | None = None
        try:
            async with aclosing(self._source.batches()) as batches:
                async for batch in batches:
                    await self._take(batch)
        except StreamEndedError as error:
            ended = error
            raise
        finally:
            for subscription in [*self._listening]:
                subscription.end(ended)

    async def _take(self, batch: Batch) -> None:
        """One batch. What can't be gone on from makes the source begin anew."""
        events = events_of(batch)
        trees = [event for event in events if isinstance(event, TreeEvent)]
        quanta = [event for event in events if isinstance(event, QuantumEvent)]
        try:
            if any(isinstance(event, OtherEvent) and event.type == "tree" for event in events):
                raise OutOfStepError("damaged")
            if trees:
                await self._replace(trees, batch.clock)
            for quantum in quanta:
                await self._apply(quantum)
            self._clock = batch.clock
        except OutOfStepError as error:
            self._reason = self._reason or error.why
            self._source.begin_anew(f"the mirror is out of step: {error.why}", self._query("manifest"))
        except GroupsLostError as error:
            self._source.begin_anew(str(error), self._query("full"))
        except (ConnectionLostError, ProblemError) as error:  # on the way to a group
            self._source.begin_anew(str(error), self._query("manifest"))

    async def _apply(self, event: QuantumEvent) -> None:
        tree = self._tree if self._clock and self._reason is None else None
        tell = bool(self._telling)
        prepared = await self._worked_out(lambda: prepare(tree, event.data, tell=tell), len(event.data))
        if prepared is None:
            return
        prepared.commit()
        self._clock = event.clock
        self._source.went_well()
        await self._hand_out([*prepared.changes, self._applied(event.clock)])

    async def _replace(self, events: Sequence[TreeEvent], clock: str) -> None:
        size = sum(len(event.compressed or event.manifest or "") for event in events)
        parts = [part_of(event) for event in events]
        known, fetched = await self._groups(parts)
        tree, documents = await self._worked_out(lambda: whole_tree(parts, known), size + bool(known) * OFF_LOOP_CHARS)
        reason, before = self._reason or "server", self._tree
        changes: list[TreeChange] = []
        if self._clock and self._telling:
            changes = await self._worked_out(lambda: difference(before, tree), OFF_LOOP_CHARS)
        self._tree, self._documents, self._clock, self._reason = tree, documents, clock, None
        self._source.query = self._query("manifest")
        self._first.set()
        await self._hand_out([Rebased(reason, clock, fetched), *changes, self._applied(clock)])

    async def _groups(self, parts: Sequence[Part]) -> tuple[dict[int, bytes], int]:
        """The groups that the parts are made of, and how many of them had to be fetched."""
        if all(part.manifest is None for part in parts):
            return {}, 0
        documents = self._documents
        known = await self._worked_out(lambda: known_groups(documents), OFF_LOOP_CHARS)
        fetched = await fetch_groups(self._link, lacking(parts, known))
        return known | fetched, len(fetched)

    async def _worked_out(self, work: Callable[[], Result], size: int) -> Result:
        """Here, or where it takes long in a thread of its own, so that the event loop goes on."""
        if size < OFF_LOOP_CHARS:
            return work()
        pool = ThreadPoolExecutor(1, "smart-tree")
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        finally:
            pool.shutdown(wait=False)

    # --- telling

    def _query(self, tree: str) -> list[tuple[str, str]]:
        return [*self._part, ("events", "tree,quantum"), ("mode", "quantum"), ("tree", tree)]

    def _applied(self, clock: str) -> Applied:
        return Applied(clock, self.digest, len(self))

    async def _lost(self, why: str) -> None:
        await self._hand_out([Lost(why)])

    async def _hand_out(self, told: Sequence[MirrorEvent]) -> None:
        """To all who listen; who has no room is waited for, unless it goes away meanwhile."""
        for reference in [weakref.ref(subscription) for subscription in self._listening]:
            while (subscription := reference()) is not None and not subscription.offer(told):
                room = subscription.room
                del subscription
                await room.wait()
