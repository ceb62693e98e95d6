"""A checkout comes out of the stream as one thing, tagged with both HEADs, whoever asks in between: by real git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from smarttree.service import Service
from smarttree.stream.batch import Batch, Switch
from tests.running import Run, config

FILES = 4_000
DEADLINE_S = 60.0


def git(where: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", str(where), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two branches that differ in thousands of files."""
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q", "-b", "one")
    for branch in "one", "two":
        if branch == "two":
            git(root, "checkout", "-q", "-b", "two")
        for n in range(FILES):
            place = root / f"d{n % 40}" / f"e{n % 7}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{branch if n % 3 else 'both'}-{n}").write_text(branch * (n % 50))
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", branch)
    return root


@contextmanager
def served(root: Path, **settings: int) -> Iterator[Run]:
    service = Service(config(root, **settings))
    run = Run(service)
    try:
        run.sync()
        yield run
    finally:
        service.stop()


def told(run: Run, seq: int) -> list[Batch]:
    batches = run.service.log.after(seq)
    assert batches is not None
    return batches


def until_told(run: Run, seq: int) -> list[Batch]:
    """The batches after `seq`, once one of them is the last of something; and the mirror law at a barrier after it."""
    run.until(lambda: any(not batch.more for batch in told(run, seq)))
    run.sync()
    return told(run, seq)


@pytest.mark.parametrize("asked", [False, True])
def test_a_checkout_is_one(repository: Path, asked: bool) -> None:
    git(repository, "checkout", "-q", "one")
    with served(repository) as run:
        old = git(repository, "rev-parse", "HEAD")
        for branch in "two", "one":
            seq = run.service.log.head
            checkout = Thread(target=git, args=(repository, "checkout", "-q", branch))
            checkout.start()
            while asked and checkout.is_alive():
                run.service.sync().result(DEADLINE_S)
            checkout.join()
            new = git(repository, "rev-parse", "HEAD")
            batches = until_told(run, seq)
            assert [batch.more for batch in batches] == [True] * (len(batches) - 1) + [False]
            assert [batch.vcs for batch in batches if batch.vcs] == [Switch(os.fsencode(repository), old, new)]
            assert batches[-1].vcs is not None
            assert sum(len(batch.changes) for batch in batches) > FILES / 2
            old = new


def test_without_a_bound_there_is_no_hold(repository: Path) -> None:
    with served(repository, vcs_settle_ms=0) as run, locked(repository):
        seq = run.service.log.head
        (repository / "fresh").touch()
        batches = until_told(run, seq)
        assert not any(batch.more or batch.vcs for batch in batches)


def test_a_forgotten_lock_holds_nothing_back_for_ever(repository: Path) -> None:
    with served(repository, vcs_settle_ms=300) as run:
        seq = run.service.log.head
        with locked(repository):
            (repository / "fresh").touch()
            run.until(
                lambda: any(change.path.endswith(b"fresh") for batch in told(run, seq) for change in batch.changes)
            )
            assert all(batch.more for batch in told(run, seq))
        batches = until_told(run, seq)
        assert [batch.more for batch in batches] == [True] * (len(batches) - 1) + [False]
        assert batches[-1].vcs is None


def test_what_leaves_everything_as_it_was_is_not_told(repository: Path) -> None:
    with served(repository) as run:
        seq = run.service.log.head
        git(repository, "update-index", "--refresh")
        run.sync()
        assert not any(batch.vcs for batch in told(run, seq))


@contextmanager
def locked(repository: Path) -> Iterator[None]:
    """git's lock, held by nobody; what was made meanwhile goes with it."""
    lock = repository / ".git" / "index.lock"
    lock.touch()
    try:
        yield
    finally:
        (repository / "fresh").unlink(missing_ok=True)
        lock.unlink()
