"""Changes that times and sizes hide: each is told as `modified`, on every watcher, one test after each fault.

Law: the server stands still while it happens, so that it sees only how all ended, unless a test says otherwise.
"""

from __future__ import annotations

import mmap
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.disk import listing, mirror_listing
from tests.integration.links import THROUGH_LINKS
from tests.integration.process import DEADLINE_S
from tests.mirror.watching import watching
from tests.watchers import BY_NAME

on_every_watcher = pytest.mark.parametrize("watcher", BY_NAME)
PAST_NS = 10**18
FILE = {("modified", "file")}


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def cp_p(new: Path, file: Path) -> None:
    run("cp", "-p", new, file)


def rsync_t(new: Path, file: Path) -> None:
    """Written beside, and renamed over. Without --ignore-times it leaves alone what has the same size and time."""
    run("rsync", "-t", "--ignore-times", new, file)


def rsync_t_in_place(new: Path, file: Path) -> None:
    run("rsync", "-t", "--ignore-times", "--inplace", "--no-whole-file", new, file)


def touch_r(new: Path, file: Path) -> None:
    with file.open("r+b") as into:
        into.write(new.read_bytes())
    run("touch", "-r", new, file)


class Values(NamedTuple):
    """What could tell of a change, but for the time at which the kernel made it."""

    size: int
    mtime_ns: int


def values(path: Path) -> Values:
    seen = path.stat()
    return Values(seen.st_size, seen.st_mtime_ns)


@on_every_watcher
@pytest.mark.parametrize("over", [cp_p, rsync_t, rsync_t_in_place, touch_r], ids=lambda over: over.__name__)
def test_over_a_file_of_equal_size_and_time(watcher: str, over: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """Real programs. Only the ctime, or the inode, tells."""
    root, new = tmp_path / "root", tmp_path / "new"
    root.mkdir()
    file = root / "file"
    for path in (file, new):
        path.write_bytes(b"old!")
        os.utime(path, ns=(PAST_NS, PAST_NS))
    with watching(watcher, root) as witnesses:
        for content in (b"new!", b"now!", b"old!"):
            new.write_bytes(content)
            os.utime(new, ns=(PAST_NS, PAST_NS))
            before = values(file)
            with witnesses.paused():
                over(new, file)
            assert (file.read_bytes(), values(file)) == (content, before)
            assert witnesses.see(f"{over.__name__}, {content!r}") >= FILE
        witnesses.see("nothing happened")
        assert witnesses.see("nothing happened") == set()


@on_every_watcher
@pytest.mark.parametrize("edit", THROUGH_LINKS, ids=lambda edit: edit.__name__.strip("_"))
def test_writes_through_a_hard_link(watcher: str, edit: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """`file` and `known/link` are one file, or are made so."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "known").mkdir(parents=True)
    outside.mkdir()
    (root / "file").write_bytes(b"before")
    (root / "known" / "link").hardlink_to(root / "file")
    with watching(watcher, root) as witnesses:
        with witnesses.paused():
            edit(root, outside)
        told = witnesses.see(edit.__name__)
        assert ("modified", "file") in told or edit.__name__ == "_replace_first_name", told


@on_every_watcher
def test_writes_through_a_hard_link_outside(watcher: str, tmp_path: Path) -> None:
    """Nobody asks for a barrier: it is looked at by itself."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"before")
    (tmp_path / "link").hardlink_to(root / "file")
    with watching(watcher, root, flags=("--hardlink-poll-s", "0.1")) as witnesses:
        for content in (b"after!", b"longer than before"):
            (tmp_path / "link").write_bytes(content)
            there = listing(bytes(root))
            while mirror_listing(witnesses.full.mirror) != there:
                witnesses.full.turn(DEADLINE_S)
            assert witnesses.see("written through the link") >= FILE


@on_every_watcher
def test_mmap_stores(watcher: str, tmp_path: Path) -> None:
    """The kernel tells of them when the file is closed."""
    root = tmp_path / "root"
    root.mkdir()
    file = root / "file"
    file.write_bytes(bytes(8192))
    os.utime(file, ns=(PAST_NS, PAST_NS))
    with watching(watcher, root) as witnesses:
        for number in range(1, 4):
            before = file.stat()
            with witnesses.paused(), file.open("r+b") as stored, mmap.mmap(stored.fileno(), 0) as memory:
                memory[4000:4100] = b"%d" % number * 100
                memory.flush()
            if file.stat().st_ctime_ns == before.st_ctime_ns:
                pytest.skip("here no time tells of a store to a mapping")
            assert witnesses.see(f"store {number}") >= FILE
