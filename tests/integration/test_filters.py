"""A filtered stream holds what matches and what leads there, whatever is done to the tree; so do its changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import pytest

from tests.clients.plain import DEADLINE_S, get
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration import storm
from tests.integration.consumers import ByDeltas, ByWords, shape_of, without_times_of_directories
from tests.integration.edits import EDITS, Edit
from tests.integration.process import Process

Names = list[bytes]
DIRS_AND_LINKS = ("dir", "symlink")


class Asked(NamedTuple):
    """A query, and what it means for one entry below `path`: by the names that lead there and its kind."""

    query: str
    matches: Callable[[Names, str], bool]
    path: str = ""


ASKED = [
    Asked("include=*.txt", lambda names, _: any(fnmatchcase(name, b"*.txt") for name in names)),
    Asked("include=*.txt&include=[a-f]*&exclude=e*", lambda names, _: in_letters(names)),
    Asked("types=dir,symlink", lambda _, kind: kind in DIRS_AND_LINKS),
    Asked("types=file&exclude=deep", lambda names, kind: kind == "file" and b"deep" not in names),
    Asked("path={root}/in", lambda _, __: True, "in"),
    Asked("path={root}/in&include=/part1/", lambda names, kind: names[0] == b"part1" and is_below(names, kind), "in"),
    Asked("include=nothing+matches+this", lambda _, __: False),
]


def in_letters(names: Names) -> bool:
    wanted = any(fnmatchcase(name, b"*.txt") or name[:1] in b"abcdef" for name in names)
    return wanted and not any(name.startswith(b"e") for name in names)


def is_below(names: Names, kind: str) -> bool:
    return len(names) > 1 or kind == "dir"


def selected(disk: Listing, asked: Asked, root: Path) -> Listing:
    """What of the disk is to be seen: matches, and the directories above them."""
    top = bytes(root / asked.path) if asked.path else bytes(root)
    below = {path: seen for path, seen in disk.items() if path.startswith(top + b"/")}
    shown: set[bytes] = set()
    for path, seen in below.items():
        if asked.matches(path[len(top) + 1 :].split(b"/"), seen.kind):
            while path != top:
                shown.add(path)
                path = path.rpartition(b"/")[0]
    return {path: below[path] for path in shown}


class Watcher:
    """A client that asks for a part: a mirror, and two consumers that live on the changes told."""

    def __init__(self, server: Process, root: Path, asked: Asked) -> None:
        self.asked, self.root = asked, root
        self.follower = server.follow("?" + asked.query.format(root=root))
        mirror = self.follower.mirror
        self.by_words = ByWords(shape_of(mirror_listing(mirror)), [bytes(root / asked.path)])
        self.by_deltas = ByDeltas(deepcopy(mirror))
        self.taken = len(self.follower.turns)

    def look(self, clock: str, disk: Listing, when: str) -> None:
        expected = selected(disk, self.asked, self.root)
        self.follower.until_clock(clock)
        assert difference(expected, mirror_listing(self.follower.mirror)) == "", f"{self.asked.query}: {when}"
        for turn in self.follower.turns[self.taken :]:
            for change in turn.named("change"):
                self.by_words.take(change)
                self.by_deltas.take(change)
        self.taken = len(self.follower.turns)
        assert self.by_words.shape == shape_of(expected), f"{self.asked.query}: {when}"
        told = without_times_of_directories(expected)
        assert difference(told, self.by_deltas.listing()) == "", f"{self.asked.query}: {when}"


@contextmanager
def watching(server: Process, root: Path) -> Iterator[Callable[[str], None]]:
    """Clients for all that may be asked; call it to have them looked at."""
    watchers = [Watcher(server, root, asked) for asked in ASKED]

    def look(when: str) -> None:
        clock, disk = server.sync(), listing(bytes(root))
        for watcher in watchers:
            watcher.look(clock, disk, when)

    try:
        look("at first")
        yield look
    finally:
        for watcher in watchers:
            watcher.follower.close()


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_after_each_edit_each_part_is_what_it_should_be(edit: Edit, server: Process, watched: Path) -> None:
    """What is outside for an edit is outside of the path, so that things move across the border."""
    inside, outside = watched / "in" / edit.__name__, watched / "out" / edit.__name__
    inside.mkdir(parents=True)
    outside.mkdir(parents=True)
    with watching(server, watched) as look:
        for stop, _ in enumerate(edit(inside, outside)):
            look(f"{edit.__name__}, stop {stop}")
        shutil.rmtree(inside)
        shutil.rmtree(outside)
        look(f"{edit.__name__}, all is gone")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm(seed: int, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    with Process(root, "--batch-ms", "5") as server, watching(server, root) as look:
        for calm in range(2):
            storms = [storm.start(root, 100 * seed + 10 * calm + number, 2000) for number in (0, 1)]
            assert [one.wait() for one in storms] == [0, 0]
            look(f"seed {seed}, calm {calm}")


def test_a_path_that_comes_and_goes(tmp_path: Path) -> None:
    """It is an empty view that may fill, and may be another directory by then."""
    root = tmp_path / "root"
    (root / "other").mkdir(parents=True)
    (root / "other" / "a.txt").touch()
    with Process(root) as server, watching(server, root) as look:
        (root / "in").mkdir()
        (root / "in" / "part1").mkdir()
        (root / "in" / "part1" / "b.txt").touch()
        look("it is made")
        (root / "in").rename(root / "away")
        look("it has left")
        (root / "other").rename(root / "in")
        look("another one is there")
        (root / "away").rename(root / "in" / "part1")
        look("the first one is in it")
        (root / "in" / "a.txt").unlink()
        (root / "in" / "part1" / "part1").rename(root / "in" / "up")
        look("and what was in that")
        (root / "in" / "part1").rmdir()
        (root / "in" / "up" / "b.txt").rename(root / "in" / "part1")
        look("a file in place of a directory")


def test_roots_that_come_and_go(tmp_path: Path) -> None:
    """A part over all roots, and one of a path in a root that is removed, added again, and lost for a while."""
    roots = one, two, three = [tmp_path / name for name in ("one", "two", "three")]
    for root in roots:
        (root / "in" / "deep").mkdir(parents=True)
        (root / "in" / "deep" / "a.txt").touch()
    with Process(one, two, "--watch-base", str(tmp_path)) as server, ExitStack() as stack:
        texts, below = ASKED[0], Asked("path={root}/in", lambda _, __: True, "in")
        of_all = stack.enter_context(server.follow(f"?{texts.query}"))
        of_two = stack.enter_context(server.follow(f"?path={two}/in"))

        def look(*served: Path) -> None:
            clock = server.sync()
            disk = {root: listing(bytes(root)) for root in served}
            for follower, asked, tops in ((of_all, texts, served), (of_two, below, {two} & {*served})):
                follower.until_clock(clock)
                shown = {path: seen for top in tops for path, seen in selected(disk[top], asked, top).items()}
                assert difference(shown, mirror_listing(follower.mirror)) == "", (asked.query, served)

        look(one, two)
        ask(server, "POST", three)
        look(one, two, three)
        (three / "in" / "deep").rename(two / "in" / "moved")
        look(one, two, three)
        (two / "in" / "moved").rename(one / "out")
        look(one, two, three)
        ask(server, "DELETE", one)
        look(two, three)
        ask(server, "DELETE", two)
        look(three)
        ask(server, "POST", two)
        (two / "in" / "b.txt").touch()
        look(two, three)
        two.rename(tmp_path / "away")
        look(three)
        (tmp_path / "away").rename(two)
        look(two, three)


def ask(server: Process, method: str, root: Path) -> None:
    """For a root to be added or removed."""
    body = json.dumps({"path": str(root)}).encode()
    request = Request(f"{server.url}/watch", body, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=DEADLINE_S) as answer:
        assert answer.status in (200, 201)


def test_who_comes_back_gets_what_was_missed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with Process(tmp_path / "root") as server:
        with server.follow("?include=*.txt") as follower:
            follower.until_clock(before := server.sync())
            opened = len(follower.turns)
            follower.stream.close()
            for name in ("a.txt", "b.c", "d.txt"):
                (tmp_path / "root" / name).touch()
                clock = server.sync()
            follower.reconnect()
            follower.until_clock(clock)
            missed = follower.turns[opened:]
            assert not any(turn.named("tree") for turn in missed)
            assert {Path(change["path"]).name for turn in missed for change in turn.named("change")} == {
                "a.txt",
                "d.txt",
            }
        with server.follow(f"?include=*.c&since={before}") as new:  # nobody asked for that at its clock
            assert new.turns[0].named("tree")[0]["reason"] == "rebase"


def test_a_filtered_tree_says_so(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with Process(tmp_path) as server:
        with server.follow(f"?path={tmp_path}/sub") as below:
            (tree,) = below.turns[0].named("tree")
            assert (tree["path"], tree["filtered"]) == (f"{tmp_path}/sub", True)
            assert tree["digest"] is not None
        with server.follow("?types=file") as files:
            (tree,) = files.turns[0].named("tree")
            assert (tree["filtered"], tree["digest"]) == (True, None)
        with server.follow(f"?path={tmp_path}") as everything:
            assert everything.turns[0].named("tree")[0]["filtered"] is False


@pytest.mark.parametrize("query", ["include=", "include=!a", "exclude=a%0Ab", "types=socket", "types=", "path=a/../b"])
def test_what_can_t_be_asked_for(query: str, server: Process) -> None:
    assert get(f"{server.url}/events?{query}")[0] == 400
