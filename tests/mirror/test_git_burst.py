"""The mirror law in a real burst: git goes from one release of Linux to another and back, while a client follows.

Form (b). `.git` is closed, on both sides. BURST=all takes the releases whole (`make soak`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.disk import difference, listing, mirror_listing
from tests.integration.process import Process
from tests.storm.perform import remove
from tests.storm.releases import RELEASES, commit_part, commit_whole, git
from tests.storm.witness import ResumingFollower

ALL = os.environ.get("BURST") == "all"
MOST = 1500


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "linux"
    path.mkdir()
    git(path, "init", "-q", "-b", "empty")
    yield path
    remove(bytes(path))


def look(server: Process, repository: Path, follower: ResumingFollower, when: str) -> None:
    clock = server.sync()
    follower.reach(clock)
    assert follower.last_id == clock
    assert difference(listing(bytes(repository)), mirror_listing(follower.mirror)) == "", when
    held = follower.mirror.entries[follower.mirror.children[0][bytes(repository)]].digest
    assert get_json(f"{server.url}/tree?path={repository}")["digest"] == f"{held:032x}", when
    assert follower.mirror.digest() == follower.mirror.service_digest, when


def test_git_switches_between_two_releases(repository: Path) -> None:
    with Process(repository) as server:
        server.await_ready()
        with closing(ResumingFollower(f"{server.url}/events?events=tree,quantum,message")) as follower:
            for release in RELEASES:
                commit_whole(repository, release) if ALL else commit_part(repository, release, MOST)
                look(server, repository, follower, f"{release} committed")
            for release in RELEASES * (3 if ALL else 1):
                git(repository, "checkout", "-q", release)
                look(server, repository, follower, f"{release} checked out")
            git(repository, "gc", "-q", "--prune=now")
            look(server, repository, follower, "packed")
            assert follower.digests_checked > 5
            assert follower.rebases == 0  # closed it may be: while git works, a minute perhaps, it takes nothing
        assert "Traceback" not in server.log()
