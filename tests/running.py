"""A service under way, and one who follows its batches: what tests of the engine are made of.

Law: at every barrier the service's tree, and the tree of who follows, is what `find` and a fresh scan say.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from smarttree import codec
from smarttree._scan import scan
from smarttree.config import ServiceConfig
from smarttree.ignore import command_rules
from smarttree.service import Service
from smarttree.stream.batch import Batch
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Watcher
from tests.disk import KIND_OF_TYPE, Seen, difference, listing
from tests.disk import Listing as DiskListing
from tests.watchers import BY_NAME, POLL_S

DEADLINE_S = 10.0
Change = tuple[str, str]


def config(*roots: Path, **settings: float | str) -> ServiceConfig:
    return ServiceConfig(roots=tuple(os.fsencode(root) for root in roots), **settings)  # type: ignore[arg-type]


class Run:
    """A service under way, and the tree of one who follows its batches."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._turned = threading.Event()
        service.add_listener(self._turned.set)
        service.start()
        self.until(lambda: service.state != "scanning")
        if service.state == "ready":
            view = service.view()
            self.tree, self.seq = view.tree, view.clock.seq

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self._turned.wait(deadline - time.monotonic()), "it did not come in time"
            self._turned.clear()

    def sync(self) -> list[Batch]:
        """Follow up to a new barrier, and see that the law holds there; the batches since the last."""
        batches = self.follow()
        self.check()
        return batches

    def follow(self) -> list[Batch]:
        """The same where there may be nothing on the disk to compare with."""
        clock = self.service.sync().result(DEADLINE_S)
        batches = self.service.log.after(self.seq)
        assert batches is not None
        for batch in batches:
            body = codec.decode_batch(batch.data)
            assert (body.epoch, body.from_seq, body.to_seq) == (clock.epoch, self.seq, self.seq + 1)
            self.tree = codec.apply(self.tree, body.records)
            assert self.tree.digest(SERVICE_ID) == batch.digest
            assert self.tree.totals(SERVICE_ID) == batch.totals
            self.seq += 1
        assert self.seq >= clock.seq
        return batches

    def check(self) -> None:
        view = self.service.view()
        fresh, config = Tree(), self.service.config
        rules = command_rules(config.exclude, config.include, rule_files=config.gitignore)
        for root in self.service.rooting.paths:
            held = as_held(view.tree, view.tree.resolve(root))
            scanned = fresh.graft(scan(root, rules=rules), root)
            wrong = difference(as_held(fresh, scanned), held)
            assert wrong == "", wrong
            if not (config.exclude or config.include or config.gitignore):
                real = os.path.realpath(root)
                there = {root + path[len(real) :]: seen for path, seen in listing(real).items()}
                wrong = difference(there, held)
                assert wrong == "", wrong
        assert view.digest == fresh.digest(SERVICE_ID)
        if view.clock.seq == self.seq:
            assert view.digest == self.tree.digest(SERVICE_ID)

    def changes(self) -> list[Change]:
        """(type, path below the root) of what is told up to a new barrier."""
        top = self.service.config.roots[0] + b"/"
        return [(c.type, os.fsdecode(c.path.removeprefix(top))) for batch in self.sync() for c in batch.changes]


def as_held(tree: Tree, root: int) -> DiskListing:
    """What a tree holds below a root, in the shape of `find`'s."""
    held = {}
    for eid in tree.below(root).tolist():
        row = tree.row(eid)
        kind = KIND_OF_TYPE.get(row.mode & 0xF000, "other")
        held[tree.path(eid)] = Seen(kind, row.size, row.mode & 0o7777, row.mtime_ns)
    return held


Begin = Callable[..., Run]


@pytest.fixture(params=BY_NAME)
def begin(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Starts services, on each of the watchers in turn, unless one is given."""
    runs: list[Run] = []

    def start(*roots: Path, watcher: Watcher | None = None, **settings: float) -> Run:
        runs.append(
            Run(Service(config(*roots, watcher=request.param, **{"poll_s": POLL_S, **settings}), watcher=watcher))
        )
        return runs[-1]

    yield start
    for run in runs:
        run.service.stop()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A directory with a few things in it."""
    top = tmp_path / "top"
    (top / "d" / "deep").mkdir(parents=True)
    (top / "e").mkdir()
    (top / "a").write_text("a")
    (top / "b").write_text("bb")
    (top / "d" / "f").write_text("fff")
    (top / "d" / "deep" / "g").write_text("gggg")
    return top


def churn(top: Path, rng: Random, steps: int) -> None:
    """Random operations on few names, so that they meet.

    Nothing is written through a name that is not the only one: if such a name is gone before anyone looks, inotify has
    told nothing that leads to the others.
    """
    names = ["a", "b", "c", "d"]
    for _ in range(steps):
        one, other = (top.joinpath(*rng.choices(names, k=rng.randrange(1, 4))) for _ in range(2))
        try:
            match rng.randrange(8):
                case 0 | 1:
                    one.mkdir(parents=True)
                case 2 | 3 if not one.exists() or one.stat().st_nlink == 1:
                    one.write_text("x" * rng.randrange(4))
                case 4 | 5:
                    one.rename(other)
                case 6:
                    shutil.rmtree(one) if one.is_dir() else one.unlink()
                case 7:
                    other.hardlink_to(one)
        except OSError:
            continue  # the step made no sense here: most don't
