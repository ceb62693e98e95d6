"""The law of contents: a change is told to leave a file's content as it was only if it did, and nobody who leaves those
out can be left with another content.
"""

from __future__ import annotations

import math
import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from smarttree.contents import Contents, Extent
from smarttree.service import Service
from tests.running import DEADLINE_S, Run, churn, config, top
from tests.watchers import BY_NAME, POLL_S, QUEUES

__all__ = ["top"]

COMPARING = {"content_hash": True, "content_settle_s": 0.0, "content_quiet_s": 0.05}

Told = list[tuple[str, str, str | None]]
Follow = Callable[..., "Followed"]


class Followed(Run):
    """A service whose files' contents are known."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.learn()

    def learn(self) -> Extent:
        """Returns once every file that can be read has been."""
        deadline = time.monotonic() + DEADLINE_S
        contents = self.service.contents
        while True:
            self.service.sync().result(DEADLINE_S)
            extent = contents.extent
            if extent is not None and extent.hashed and not extent.waiting and contents.patience_s() == math.inf:
                return extent
            assert time.monotonic() < deadline, f"contents are not read: {extent}"

    def contents(self) -> Told:
        """(type, name, content) of what is told up to a new barrier."""
        return [(c.type, os.path.basename(os.fsdecode(c.path)), c.content) for b in self.sync() for c in b.changes]


@pytest.fixture(params=BY_NAME)
def follow(request: pytest.FixtureRequest) -> Follow:
    def start(top: Path, **settings: float) -> Followed:
        defaults = {"watcher": request.param, "poll_s": POLL_S, **COMPARING}
        service = Service(config(top, **defaults | settings))
        request.addfinalizer(service.stop)
        return Followed(service)

    return start


def replace(path: Path, content: bytes, times_ns: tuple[int, int] | None = None) -> None:
    """As editors save: another file takes the place, at once."""
    fresh = path.parent.parent / f"{path.name}.new"
    fresh.write_bytes(content)
    if times_ns is not None:
        os.utime(fresh, ns=times_ns)
    fresh.rename(path)


# ---------------------------------------------------------------- verdicts


def test_each_kind_of_change(top: Path, follow: Follow) -> None:
    run = follow(top)
    path = top / "d" / "f"
    path.touch()
    assert run.contents() == [("modified", "f", "same")]
    path.chmod(0o600)
    assert run.contents() == [("modified", "f", "same")]
    os.truncate(path, 2)
    assert run.contents() == [("modified", "f", "changed")]


def test_other_bytes_under_the_same_size_and_times(top: Path, follow: Follow) -> None:
    """A look may fall in between: then the content is told with the first change, and the time with the second."""
    run = follow(top)
    path = top / "d" / "f"
    times = path.stat()
    with open(path, "r+b", buffering=0) as file:
        file.write(b"FFF")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    told = [content for _, _, content in run.contents()]
    assert told[0] in (["changed"] if len(told) == 1 else ["changed", None])


def test_a_copy_that_keeps_the_times(top: Path, follow: Follow) -> None:
    """`cp -p`, `rsync -t`: only inode and ctime tell."""
    run = follow(top / "d")
    path = top / "d" / "f"
    times = path.stat()
    replace(path, b"FFF", (times.st_atime_ns, times.st_mtime_ns))
    assert run.contents() == [("modified", "f", "changed")]
    replace(path, b"FFF", (times.st_atime_ns, times.st_mtime_ns))
    assert run.contents() == [("modified", "f", "same")]


def test_a_file_in_its_place_with_the_same_bytes(top: Path, follow: Follow) -> None:
    run = follow(top / "d")
    path = top / "d" / "f"
    replace(path, b"fff")
    assert run.contents() == [("modified", "f", "same")]
    replace(path, b"ggg")
    assert run.contents() == [("modified", "f", "changed")]
    replace(path, b"ggg")
    assert run.contents() == [("modified", "f", "same")]


def test_there_and_back(top: Path, follow: Follow) -> None:
    """One batch or two, as the engine looked: what is told leads to where it began."""
    run = follow(top / "d")
    replace(top / "d" / "f", b"ggg")
    replace(top / "d" / "f", b"fff")
    told = [content for _, _, content in run.contents()]
    assert told == ["same"] or (len(told) == 2 and "same" not in told)


def test_where_nothing_is_known_nothing_is_said(top: Path, follow: Follow) -> None:
    (top / "large").write_bytes(b"x" * 100)
    (top / "link").symlink_to("a")
    os.mkfifo(top / "pipe")
    run = follow(top, content_max_bytes=50)
    for name in ("large", "link", "pipe", "e"):
        os.utime(top / name, ns=(1, 1), follow_symlinks=False)
    (top / "e").chmod(0o700)
    (top / "new").touch()
    told = run.contents()
    assert {name for _, name, _ in told} == {"large", "link", "pipe", "e", "new"}
    assert {content for _, _, content in told} == {None}
    (top / "large").write_bytes(b"x" * 101)
    assert set(run.contents()) <= {("modified", "large", "changed"), ("modified", "large", None)}


def test_what_came_later_is_read_too(top: Path, follow: Follow) -> None:
    run = follow(top)
    before = run.learn()
    (top / "e" / "new").write_bytes(b"new")
    run.sync()
    assert run.learn() == Extent(before.hashed + 1, 0)
    (top / "e" / "new").touch()
    assert run.contents() == [("modified", "new", "same")]


def test_a_root_that_is_added_is_read_too(top: Path, tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_bytes(b"x")
    run = follow(top)
    assert run.service.rooting.add(os.fsencode(tmp_path / "other")).result(DEADLINE_S).is_new
    run.sync()
    assert run.learn() == Extent(5, 0)
    (tmp_path / "other" / "x").touch()
    assert run.contents() == [("modified", "x", "same")]


def test_a_renamed_file_keeps_what_is_known_or_is_read_again(top: Path, follow: Follow) -> None:
    run = follow(top)
    (top / "a").rename(top / "e" / "A")
    run.sync()
    run.learn()
    (top / "e" / "A").touch()
    assert run.contents() == [("modified", "A", "same")]


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory on tmpfs, where all stores to a mapping but the first leave the times alone; elsewhere most do."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no tmpfs here")
    with TemporaryDirectory(dir="/dev/shm", prefix="smarttree-") as path:
        yield Path(path)


@pytest.mark.parametrize("name", QUEUES)
def test_what_no_value_shows_is_told_by_its_content(name: str, in_memory: Path) -> None:
    (in_memory / "f").write_bytes(b"fff")
    run = Followed(Service(config(in_memory, watcher=name, **COMPARING)))
    with open(in_memory / "f", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:3] = b"FFF"
        os.utime(file.fileno())
        assert run.contents() == [("modified", "f", "changed")]
        before = (in_memory / "f").stat()
        memory[0:3] = b"GGG"
        after = (in_memory / "f").stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    assert run.contents() == [("modified", "f", "changed")]
    with open(in_memory / "f", "r+b"):
        pass
    assert run.contents() == []
    run.service.stop()


def test_a_file_that_was_told_is_told_for_a_while(top: Path, follow: Follow) -> None:
    """Someone may still be reading it because of what was told: what they see for a moment must not be the last."""
    run = follow(top, content_settle_s=3600.0)
    (top / "a").touch()
    assert run.contents() == [("modified", "a", None)]
    (top / "a").write_bytes(b"b")
    assert run.contents()[-1] == ("modified", "a", "changed")


def test_the_mirror_law_holds_in_a_storm(top: Path, follow: Follow) -> None:
    """What is the same was so: nobody but the engine can tell in a storm, but who follows all has the tree."""
    run, rng = follow(top, batch_ms=0), Random(5)
    for _ in range(60):
        churn(top, rng, 10)
        for path in top.rglob("*"):
            if rng.randrange(3) == 0 and path.is_file() and not path.is_symlink():
                path.touch()
        assert {content for _, _, content in run.contents()} <= {None, "same", "changed"}
    run.learn()


# ---------------------------------------------------------------- cost


def test_switched_off_nothing_is_read(top: Path) -> None:
    run = Run(Service(config(top)))
    assert type(run.service.contents) is Contents
    assert run.service.contents.extent is None
    assert run.service.contents.patience_s() == math.inf
    (top / "a").write_bytes(b"another size")
    run.sync()
    assert {c.content for b in run.service.log.after(1) or () for c in b.changes} == {None}
    run.service.stop()


def test_when_all_is_read_nothing_is_left_to_do(top: Path, follow: Follow) -> None:
    run = follow(top)
    assert run.service.contents.extent == Extent(4, 0)
    assert run.service.contents.patience_s() == math.inf
