"""Law 1: hints may come twice, late, in any order, or not at all if that is said; nothing goes wrong but the delay."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from smarttree import codec
from smarttree.config import ServiceConfig
from smarttree.service import Service
from spec.qtn1 import decode_batch, decode_snapshot
from spec.qtn1_mirror import Mirror
from tests.disk import difference, listing, mirror_listing
from tests.storm.campaign import grow
from tests.storm.fake_watcher import FakeWatcher
from tests.storm.team import Team

DEADLINE_S = 30.0
UNRULY: dict[str, Callable[[int], FakeWatcher]] = {
    "doubling": lambda seed: FakeWatcher(seed),
    "dropping": lambda seed: FakeWatcher(seed, dropping=0.3),
    "delaying": lambda seed: FakeWatcher(seed, doubling=0.0, patience=4),
    "everything": lambda seed: FakeWatcher(seed, doubling=0.5, dropping=0.2, patience=6),
}


def until(law: Callable[[], bool], what: str) -> None:
    """Asks again and again; the service's own thread does the work."""
    deadline = monotonic() + DEADLINE_S
    while not law():
        assert monotonic() < deadline, what


@contextmanager
def serving(root: Path, watcher: FakeWatcher) -> Iterator[Service]:
    service = Service(ServiceConfig(roots=(os.fsencode(root),), batch_ms=2), watcher=watcher)
    service.start()
    try:
        until(lambda: service.state != "scanning", "the scan did not end")
        yield service
        assert service.failure is None
    finally:
        service.stop()


class Reader:
    """A mirror in the plain decoder, fed with the service's batches."""

    def __init__(self, service: Service) -> None:
        self.service, self.mirror = service, Mirror()
        view = service.view()
        self.mirror.replace([decode_snapshot(codec.encode_snapshot(view.tree, view.tree.roots()[0], view.clock))])

    def follow(self) -> None:
        batches = self.service.log.after(self.mirror.seq)
        assert batches is not None
        for batch in batches:
            assert self.mirror.apply(decode_batch(batch.data))


@pytest.mark.parametrize("kind", UNRULY)
def test_nothing_goes_wrong_but_the_delay(kind: str, seed: int, tmp_path: Path) -> None:
    """After each round as many barriers are asked for as hints may wait, and then all must be told."""
    root = tmp_path / "root"
    root.mkdir()
    grow(root, seed)
    watcher = UNRULY[kind](seed)
    with serving(root, watcher) as service, Team(root, tmp_path, seed=seed, workers=2) as team:
        reader = Reader(service)
        for number in range(6):
            team.start((60, 200)[number % 2])
            while team.is_busy():
                service.sync().result(DEADLINE_S)
                reader.follow()
            for _ in range(2 * watcher.patience + 2):
                service.sync().result(DEADLINE_S)
            reader.follow()
            assert difference(listing(bytes(root)), mirror_listing(reader.mirror)) == "", f"seed {seed}, round {number}"
            assert reader.mirror.digest() == service.view().digest
    assert watcher.has_struck


def test_delayed_hints_are_given_when_released(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    watcher = FakeWatcher(1, patience=1000)
    with serving(tmp_path / "root", watcher) as service:
        reader = Reader(service)
        for number in range(100):
            (tmp_path / "root" / str(number)).touch()
        service.sync().result(DEADLINE_S)
        watcher.release()
        service.sync().result(DEADLINE_S)
        reader.follow()
        assert difference(listing(bytes(tmp_path / "root")), mirror_listing(reader.mirror)) == ""
