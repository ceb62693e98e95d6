"""The contract of a watcher for roots that come and go: one that came is heard of, one that went costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarttree._scan import scan
from tests.storm.fake_watcher import FakeWatcher
from tests.watchers import FANOTIFY, INOTIFY, Site, open_site, touch


@pytest.fixture(params=[INOTIFY, FANOTIFY, pytest.param(lambda top: FakeWatcher(), id="fake")])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A running watcher over an empty directory."""
    made = open_site(request.param, os.fsencode(tmp_path))
    made.watcher.start(made.woken.set, made.tree)
    yield made
    made.watcher.close()


def test_a_root_that_comes_is_heard_of_until_it_goes(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is said of the first one meanwhile."""
    late = os.fsencode(tmp_path_factory.mktemp("late"))
    os.mkdir(late + b"/d")
    for _ in range(3):
        site.watcher.add_root(late)
        with site.watcher.placing():
            listing = scan(late, watch=site.watcher.scan_handle)
            touch(late + b"/early")
            root = site.tree.graft(listing, late)
            site.watcher.bind((root + index, key) for index, key in listing.watches())
        inner = site.tree.child(root, b"d")
        touch(late + b"/d/f")
        touch(site.top + b"/f")
        hints = site.watcher.drain()
        assert b"early" in hints.names[root]
        assert b"f" in hints.names[inner]
        assert b"f" in hints.names[site.root]
        site.watcher.forget(site.tree.remove(root))
        site.watcher.drop_root(late)
        site.watcher.drain()
        touch(late + b"/d/f", b"x")
        touch(site.top + b"/g")
        assert site.watcher.drain().names.keys() == {site.root}
        os.unlink(late + b"/early")


def test_a_root_whose_scan_failed_leaves_nothing(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    late = os.fsencode(tmp_path_factory.mktemp("late"))
    site.watcher.add_root(late)
    with site.watcher.placing():
        scan(late, watch=site.watcher.scan_handle)
    site.watcher.drop_root(late)
    touch(late + b"/f")
    assert not site.watcher.drain()
    eid = site.add(b"d")
    touch(site.top + b"/d/f")
    assert b"f" in site.watcher.drain().names[eid]
