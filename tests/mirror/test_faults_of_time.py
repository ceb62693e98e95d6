"""The clock set back, and the clock that stands still: what is told does not go by the time of day, on every watcher.

Law: the machine's clock is everyone's and is never set. The server is given another, or the disk has times to come.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.integration.edits import grow
from tests.integration.process import DEADLINE_S
from tests.mirror.watching import STORM, Watching, watching
from tests.mounting import mounted
from tests.watchers import BY_NAME

on_every_watcher = pytest.mark.parametrize("watcher", BY_NAME)
CLOCK_REALTIME_COARSE = 5  # by which the kernel stamps files
YEAR_2035 = 2051222400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def times(witnesses: Watching) -> list[str]:
    """The timestamps of the changes since the last look, and it."""
    witnesses.full.reach(witnesses.sync())
    stamps = [change["timestamp"] for turn in witnesses.full.turns for change in turn.named("change")]
    witnesses.see("the clock was set back")
    return stamps


@on_every_watcher
def test_the_clock_is_set_back_while_the_server_runs(watcher: str, root: Path) -> None:
    """Its own clock, and with it the times of files that are made from then on; by a day, twice."""
    grow(root)
    command = (sys.executable, str(STORM / "wrong_clock.py"), "--serve")
    with watching(watcher, root, command=command, flags=("--content-hash",)) as witnesses:
        (root / "first").write_text("now")
        (was, *_) = times(witnesses)
        for number in (1, 2):
            witnesses.server.popen.send_signal(signal.SIGUSR1)
            deadline = time.monotonic() + DEADLINE_S
            while witnesses.server.log().count("the clock is set back") < number:
                assert time.monotonic() < deadline
            for name in ("first", "part1/deep/1.txt", f"new{number}"):
                (root / name).touch()
                past = (root / "first").stat().st_mtime_ns - number * 86_400 * 10**9
                os.utime(root / name, ns=(past, past))
            (now, *_) = times(witnesses)
            assert now < was
            was = now
            assert get_json(f"{witnesses.url}/stats")
        shutil.rmtree(root / "part0")
        assert ("deleted", "part0") in witnesses.see("and it goes on")


@on_every_watcher
def test_the_clock_was_set_back_before(watcher: str, tmp_path: Path, root: Path) -> None:
    """All that is there was made and changed in years to come, by the kernel's own times too: a change makes a file's
    time of change, which only the kernel sets, go back."""
    image, plain = tmp_path / "image", tmp_path / "plain"
    grow(plain)
    files = sorted(plain.rglob("*"))
    make_image(image, plain, [f"/{path.relative_to(plain)}" for path in files])
    with mounted(root, "ext4", source=image, options="loop"):
        assert (root / "part0" / "deep" / "0.txt").stat().st_ctime == YEAR_2035
        with watching(watcher, root) as witnesses:
            path = root / "part0" / "deep" / "3.txt"
            before = path.stat()
            path.write_bytes(b"y" * before.st_size)
            os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
            assert path.stat().st_ctime_ns < before.st_ctime_ns
            assert ("modified", "part0/deep/3.txt") in witnesses.see("equal size and time")
            (root / "part1").rename(root / "part2" / "part1")
            (root / "part2" / "part1" / "deep" / "1.txt").write_bytes(b"other")
            (root / "part0" / "deep" / "0.txt").unlink()
            told = witnesses.see("moved, written, deleted")
            assert {("renamed", "part2/part1"), ("deleted", "part0/deep/0.txt")} <= told
            assert ("modified", "part2/part1/deep/1.txt") in told


def make_image(image: Path, content: Path, paths: list[str]) -> None:
    """A file system in a file, on which these paths have times in 2035."""
    fields = [f"{path} {of}" for path in paths for of in ("ctime", "mtime", "crtime")]
    commands = "".join(f"set_inode_field {field} @{YEAR_2035}\n" for field in fields)
    try:
        with image.open("wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-d", content, image], check=True, capture_output=True)
        subprocess.run(["debugfs", "-w", "-f", "-", image], input=commands.encode(), check=True, capture_output=True)
    except FileNotFoundError as error:
        pytest.skip(f"no file system can be made here: {error}")


@on_every_watcher
def test_two_writes_of_equal_size_within_one_clock_tick(watcher: str, tmp_path: Path) -> None:
    """The server looks after each, and the file system's times tell them apart."""
    root = tmp_path / "root"
    root.mkdir()
    file = root / "file"
    file.write_bytes(b"0000")
    pairs = 0
    deadline = time.monotonic() + DEADLINE_S
    with watching(watcher, root) as witnesses, file.open("r+b", buffering=0) as open_file:
        while pairs < 5 and time.monotonic() < deadline:
            tick = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
            os.pwrite(open_file.fileno(), b"1111", 0)
            witnesses.sync()
            between = file.stat()
            os.pwrite(open_file.fileno(), b"2222", 0)
            within = tick == time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
            after = file.stat()
            count = len(modifications(witnesses))
            assert count >= 1
            if within:
                pairs += 1
                assert count >= 2 or between.st_ctime_ns == after.st_ctime_ns
    if not pairs:
        pytest.skip("this machine is too busy for two writes and a look in one tick")


@pytest.mark.parametrize("watcher", ["inotify", "fanotify"])
def test_two_writes_of_equal_size_within_one_second_where_times_are_whole_seconds(
    watcher: str, tmp_path: Path, root: Path
) -> None:
    """As on ext3. No value of the second differs, and the kernel's word for it is enough. (Who polls can't know.)"""
    image = tmp_path / "image"
    make_old_image(image)
    with mounted(root, "ext3", source=image, options="loop"):
        file = root / "file"
        file.write_bytes(b"0000")
        with watching(watcher, root) as witnesses, file.open("r+b", buffering=0) as open_file:
            for number in range(20):
                before = len(modifications(witnesses))
                os.pwrite(open_file.fileno(), b"%04d" % number, 0)
                assert len(modifications(witnesses)) > before


def make_old_image(image: Path) -> None:
    try:
        with image.open("wb") as blank:
            blank.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-t", "ext3", "-I", "128", image], check=True, capture_output=True)
    except FileNotFoundError as error:
        pytest.skip(f"no file system can be made here: {error}")


def modifications(witnesses: Watching) -> list[str]:
    clock = witnesses.sync()
    witnesses.full.reach(clock)
    told = [change["type"] for turn in witnesses.full.turns for change in turn.named("change")]
    assert {*told} <= {"modified"}
    witnesses.see("both were written")
    return told
