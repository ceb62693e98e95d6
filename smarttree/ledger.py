"""The ledger: carries out a Plan on the Tree, and cuts what that changed into batches.

Pure but for the Tree it owns: the caller passes clocks and times in. What each step does, and how it is written down,
is the page's (`_page`); here is only when a page is full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from smarttree._changes import Changes
from smarttree._page import Page
from smarttree._records import Records
from smarttree._traces import Traces
from smarttree.clock import Clock
from smarttree.codec import encode_batch
from smarttree.order import Act, Step
from smarttree.plan import Plan
from smarttree.stream.batch import Batch, Criteria, Part, RootState, Switch
from smarttree.tree import SERVICE_ID, Tree


class Limits(NamedTuple):
    """Where a batch is cut: beyond about so many bytes of its BATCH, or so many changes."""

    max_bytes: int
    max_changes: int


class PartMaker(Protocol):
    """Who makes the parts of each batch, when it is cut."""

    def __call__(
        self, clock: Clock, records: Records, changes: Changes, /, *, more: bool, is_news: bool
    ) -> Mapping[Criteria, Part]: ...


class Ledger:
    """Steps in, batches out. `dead` collects the ids that ended: not reused before their batch is forgotten."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._page = Page(tree)
        self.part_maker: PartMaker | None = None

    def __bool__(self) -> bool:
        return bool(self._page)

    def take_dead(self) -> list[int]:
        """The ids that ended since this was asked last."""
        dead, self._page.dead = self._page.dead, []
        return dead

    def keep_identities(self) -> None:
        """From now on batches have the identities of what they change."""
        self._page.keeps = True

    def keep_traces(self) -> None:
        """From now on batches have traces of what they touch."""
        self._page.traces = Traces()

    def take_identities(self) -> bytes:
        """Those of what has changed without a word since the last cut. To be asked after a cut."""
        return self._page.identities() if self._page.keeps else b""

    def is_full(self, limits: Limits) -> bool:
        """Whether what was written down is as much as a batch should have."""
        return self._page.cost_bytes >= limits.max_bytes or len(self._page) >= limits.max_changes

    def carry_out(self, plan: Plan, steps: list[Step]) -> None:
        """Change the Tree, step by step. Each leaves it valid, but for what is lifted and not yet dropped."""
        page = self._page
        for act, eid in steps:
            if act is Act.CREATE:
                (parent, name), row = plan.creates[eid]
                page.create(eid, parent, name, row)
            elif act is Act.UPDATE:
                page.update(eid, *plan.updates[eid])
            elif act is Act.DELETE:
                page.delete(eid)
            elif act is Act.LIFT:
                page.lift(eid)
            else:
                page.place(eid, *plan.moves[eid], drop=act is Act.DROP)

    def carry_out_all(self, plan: Plan, groups: list[list[Step]], limits: Limits) -> Iterator[None]:
        """Carry out a whole plan, its routine steps last. Stops before each piece: there, a page may be cut."""
        self._page.compares = plan.same is not None
        for eid, same in (plan.same or {}).items():
            self._page.judge(eid, same)
        for group in groups:
            yield
            self.carry_out(plan, group)
        done = 0
        while done < len(plan.routine):
            yield
            done = self._page.carry_out(plan.routine, done, **limits._asdict())

    def restate(self, masks: Mapping[int, int]) -> None:
        """Tell values as they are, by id those that a mask names: somebody may know others."""
        for eid, mask in masks.items():
            self._page.restate(eid, mask)

    def take(self) -> tuple[Records, Changes]:
        """What was written down, and a clean page."""
        return self._page.cut()

    def cut(
        self, clock: Clock, time_ns: int, *, more: bool, vcs: Switch | None = None, root: RootState | None = None
    ) -> Batch:
        """The batch that leads to `clock`, and a clean page. Without any change, it leads to the same tree."""
        identities = self._page.identities() if self._page.keeps else b""
        records, changes = self.take()
        digest, maker = self._tree.digest(SERVICE_ID), self.part_maker
        is_news = vcs is not None or root is not None
        parts = maker(clock, records, changes, more=more, is_news=is_news) if maker is not None else {}
        return Batch(
            from_seq=clock.seq - 1,
            to_seq=clock.seq,
            time_ns=time_ns,
            data=encode_batch(clock, clock.seq - 1, digest, records),
            changes=changes,
            digest=digest,
            totals=self._tree.totals(SERVICE_ID),
            more=more,
            vcs=vcs,
            root=root,
            parts=parts,
            identities=identities,
            traces=self._page.take_traces(),
        )


def cut_batches(
    ledger: Ledger,
    plan: Plan,
    groups: list[list[Step]],
    clock: Clock,
    time_ns: int,
    limits: Limits,
    *,
    more: bool = False,
) -> Iterator[Batch]:
    """Carry out a plan; one batch for it, or several with consecutive clocks after `clock` where one grows too large.

    A group of steps is never cut, even past the bound. Nothing to tell gives no batch. `more`: the last one is a piece
    of something larger, too.
    """
    held: Batch | None = None  # until it is known whether another one follows
    for _ in ledger.carry_out_all(plan, groups, limits):
        if ledger.is_full(limits):
            if held is not None:
                yield held
            clock = Clock(clock.epoch, clock.seq + 1)
            held = ledger.cut(clock, time_ns, more=True)
    if ledger:
        if held is not None:
            yield held
        clock = Clock(clock.epoch, clock.seq + 1)
        held = ledger.cut(clock, time_ns, more=more)
    if held is not None:
        yield replace(held, more=more)
