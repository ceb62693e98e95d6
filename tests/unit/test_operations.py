"""The law of a watched tree: after each operation, and after any storm of them, what is held is what is on the disk."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from smarttree.watch.base import Hints
from smarttree.watch.linux import InotifyWatcher
from tests.running import Begin, Change, Run, begin, churn, top

__all__ = ["begin", "top"]

# ---------------------------------------------------------------- each operation


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def save(path: Path, content: str) -> None:
    temporary = path.with_name(path.name + "~")
    temporary.write_text(content)
    temporary.replace(path)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def make_and_end(path: Path) -> None:
    path.touch()
    path.unlink()


def become_dir(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "in").write_text("")


def move_in(top: Path) -> None:
    (top.parent / "outside" / "sub").mkdir(parents=True)
    (top.parent / "outside" / "sub" / "x").write_text("x")
    (top.parent / "outside").rename(top / "inside")


def deep_move(top: Path) -> None:
    (top / "d" / "deep").rename(top / "e" / "deep")
    (top / "e" / "deep" / "g").write_text("changed")
    (top / "d").rename(top / "e" / "deep" / "d")


OPERATIONS: dict[str, tuple[Callable[[Path], object], list[Change]]] = {
    "create": (lambda top: (top / "new").write_text("x"), [("created", "new")]),
    "append": (lambda top: append(top / "a"), [("modified", "a")]),
    "truncate": (lambda top: os.truncate(top / "b", 0), [("modified", "b")]),
    "chmod": (lambda top: (top / "a").chmod(0o600), [("modified", "a")]),
    "times": (lambda top: os.utime(top / "a", ns=(0, -5)), [("modified", "a")]),
    "delete": (lambda top: (top / "a").unlink(), [("deleted", "a")]),
    "rename": (lambda top: (top / "a").rename(top / "z"), [("renamed", "z")]),
    "rename over": (lambda top: (top / "a").rename(top / "b"), [("deleted", "a"), ("modified", "b")]),
    "atomic save": (lambda top: save(top / "a", "new"), [("modified", "a")]),
    "swap": (lambda top: exchange(top / "a", top / "b"), [("created", "?"), ("deleted", "?"), ("renamed", "?")]),
    "mkdir -p": (lambda top: (top / "x" / "y").mkdir(parents=True), [("created", "x"), ("created", "x/y")]),
    "move dir": (lambda top: (top / "d").rename(top / "e" / "d"), [("renamed", "e/d")]),
    "move and change": (deep_move, [("modified", "e/deep/g"), ("renamed", "e/deep"), ("renamed", "e/deep/d")]),
    "move in": (
        move_in,
        [("created", "inside"), ("created", "inside/sub"), ("created", "inside/sub/x")],
    ),
    "move out": (lambda top: (top / "d").rename(top.parent / "gone"), [("deleted", "d")]),
    "rm -r": (lambda top: shutil.rmtree(top / "d"), [("deleted", "d")]),
    "file to dir": (lambda top: become_dir(top / "a"), [("created", "a"), ("created", "a/in"), ("deleted", "a")]),
    "symlink": (lambda top: (top / "l").symlink_to("a"), [("created", "l")]),
    "hard link": (lambda top: (top / "l").hardlink_to(top / "a"), [("created", "l")]),
    "odd name": (lambda top: os.mkdir(os.fsencode(top) + b"/\xff\n"), [("created", "\udcff\n")]),
    "nothing": (lambda top: (top / "a").read_text(), []),
    "made and gone": (lambda top: make_and_end(top / "t"), []),
}


def but_for_links(run: Run, changes: list[Change], path: str) -> list[Change]:
    """By ctime alone, as a pass sees it, a name that a file got or lost is a write that put size and mtime back."""
    polled = run.service.watching.by == "polling"
    return [change for change in changes if not (polled and change == ("modified", path))]


def settled(changes: list[Change]) -> list[Change]:
    """A first change may be told before its writing is: then `modified` follows `created`, and says nothing new."""
    born = {path for kind, path in changes if kind == "created"}
    return sorted({(kind, path) for kind, path in changes if not (kind == "modified" and path in born)})


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_told_and_held(name: str, top: Path, begin: Begin) -> None:
    """By way of a window that began before it, so that the whole operation is one window's."""
    operation, wanted = OPERATIONS[name]
    run = begin(top, batch_ms=60_000)
    (top / "opens the window").touch()
    run.until(lambda: run.service.log.head > run.seq)
    run.sync()  # ends that window ...
    (top / "opens the window").unlink()
    run.until(lambda: run.service.log.head > run.seq)  # ... and this opens one that lasts until the next sync
    run.sync()
    seen = run.seq
    (top / "opens the window").touch()
    run.until(lambda: run.service.log.head > seen)
    operation(top)
    told = settled([change for change in run.changes() if change[1] != "opens the window"])
    if name == "swap":
        assert [kind for kind, _ in told] == [kind for kind, _ in wanted]
    elif name == "hard link":
        assert but_for_links(run, told, "a") == wanted
    else:
        assert told == wanted
    assert run.changes() == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_out_of_the_quiet_is_held(name: str, top: Path, begin: Begin) -> None:
    run = begin(top)
    OPERATIONS[name][0](top)
    run.sync()


def test_a_write_through_one_name_is_told_of_the_other(top: Path, begin: Begin) -> None:
    (top / "e" / "other").hardlink_to(top / "a")
    run = begin(top)
    append(top / "a")
    assert settled(run.changes()) == [("modified", "a"), ("modified", "e/other")]
    (top / "d" / "third").hardlink_to(top / "b")  # the kernel tells nothing of the first name ...
    run.sync()
    append(top / "d" / "third")
    assert settled(run.changes()) == [("modified", "b"), ("modified", "d/third")]
    (top / "b").unlink()
    assert but_for_links(run, run.changes(), "d/third") == [("deleted", "b")]


@pytest.mark.parametrize("known", ["at the start", "in a directory that came", "by itself"])
def test_a_write_through_a_link_outside_is_seen_in_time(known: str, tmp_path: Path, begin: Begin) -> None:
    """Nothing tells of it, so it is looked for."""
    inside, outside, directory = tmp_path / "inside", tmp_path / "outside", tmp_path / "inside" / "d"
    inside.mkdir()
    outside.touch()
    if known == "at the start":
        directory.mkdir()
        (directory / "a").hardlink_to(outside)
    run = begin(inside, hardlink_poll_s=0.05)
    if known == "in a directory that came":
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "a").hardlink_to(outside)
        (tmp_path / "d").rename(directory)
    elif known == "by itself":
        directory.mkdir()
        run.sync()
        (directory / "a").hardlink_to(outside)
    run.sync()
    append(outside)
    run.until(lambda: run.service.log.head > run.seq)
    assert run.changes() == [("modified", "d/a")]


# ---------------------------------------------------------------- storms


@pytest.mark.parametrize("seed", range(8))
def test_a_storm_is_held_at_every_barrier(seed: int, tmp_path: Path, begin: Begin) -> None:
    rng, run = Random(seed), begin(tmp_path, batch_ms=[0, 50][seed % 2], batch_max_bytes=[1, 1 << 20][seed // 2 % 2])
    for _ in range(15):
        churn(tmp_path, rng, rng.randrange(1, 60))
        run.sync()
        assert run.changes() == []


def test_storms_from_many_threads_are_held_in_the_end(tmp_path: Path, begin: Begin) -> None:
    run = begin(tmp_path, batch_ms=1)
    for turn in range(5):
        team = [threading.Thread(target=churn, args=(tmp_path, Random(turn * 10 + n), 150)) for n in range(4)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        run.sync()


def test_lost_hints_lose_nothing(tmp_path: Path, begin: Begin) -> None:
    """The kernel's queue runs over again and again: here the watcher throws away what it heard, and says so."""
    run = begin(tmp_path, watcher=Forgetful())
    rng = Random(5)
    for _ in range(10):
        churn(tmp_path, rng, 40)
        run.sync()


class Forgetful(InotifyWatcher):
    """Loses every hint and says that hints were lost."""

    def drain(self, *, barrier: bool = True) -> Hints:
        return Hints(overflow=bool(super().drain(barrier=barrier)))
