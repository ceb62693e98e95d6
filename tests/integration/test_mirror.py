"""The plain decoder, fed by the stream alone, holds what `find` sees, whatever is done to the tree."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration import storm
from tests.integration.bursts import burst
from tests.integration.consumers import ByDeltas, ByWords, shape_of, without_times_of_directories
from tests.integration.edits import EDITS, Edit, grow
from tests.integration.process import Process

BARE = "?events=tree,quantum"
CARRIERS = ("reactor", "loop")  # whoever moves the bytes


class Witnesses:
    """Clients of one server that must all agree with the disk: a mirror by everything that is told, one by `tree` and
    `quantum` alone, and two that live on changes."""

    def __init__(self, server: Process, *roots: Path) -> None:
        self.server, self.roots = server, roots
        self.full, self.bare = server.follow(), server.follow(BARE)
        self.by_words = ByWords(shape_of(mirror_listing(self.full.mirror)), [bytes(root) for root in roots])
        self.by_deltas = ByDeltas(deepcopy(self.full.mirror))
        self.taken = len(self.full.turns)
        self.look("at first")

    def disk(self) -> Listing:
        return {path: seen for root in self.roots for path, seen in listing(bytes(root)).items()}

    def look(self, when: str) -> None:
        """AssertionError if any of them differs from the disk."""
        clock = self.server.sync()
        disk = self.disk()
        for follower in (self.full, self.bare):
            follower.until_clock(clock)
            assert difference(disk, mirror_listing(follower.mirror)) == "", when
            assert follower.mirror.digest() == follower.mirror.service_digest, when
        for turn in self.full.turns[self.taken :]:
            for change in turn.named("change"):
                self.by_words.take(change)
                self.by_deltas.take(change)
        self.taken = len(self.full.turns)
        assert self.by_words.shape == shape_of(disk), when
        assert difference(without_times_of_directories(disk), self.by_deltas.listing()) == "", when
        self._compare_digests(when)

    def _compare_digests(self, when: str) -> None:
        for root in self.roots:
            told = get_json(f"{self.server.url}/tree?path={root}")["digest"]
            held = self.full.mirror.entries[self.full.mirror.children[0][bytes(root)]].digest
            assert told == f"{held:032x}", when

    def close(self) -> None:
        self.full.close()
        self.bare.close()


@contextmanager
def witnessing(server: Process, *roots: Path) -> Iterator[Witnesses]:
    witnesses = Witnesses(server, *roots)
    try:
        yield witnesses
    finally:
        witnesses.close()


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_after_each_edit_every_mirror_is_the_disk(edit: Edit, server: Process, watched: Path, tmp_path: Path) -> None:
    root = watched / edit.__name__
    root.mkdir()
    with witnessing(server, watched) as witnesses:
        for stop, _ in enumerate(edit(root, tmp_path)):
            witnesses.look(f"{edit.__name__}, stop {stop}")


@pytest.mark.parametrize("fanout", CARRIERS)
def test_one_life_through_all_edits_with_several_roots(tmp_path: Path, fanout: str) -> None:
    """What is outside for an edit is another root here, so that things move between roots."""
    roots = [tmp_path / name for name in ("zebra", "ape", "lion")]
    for root in roots:
        grow(root / "before")
    with Process(*roots, "--fanout", fanout) as server, witnessing(server, *roots) as witnesses:
        assert [tree["path"] for tree in witnesses.full.turns[0].named("tree")] == [str(root) for root in roots]
        for turn, edit in enumerate(EDITS):
            inside, outside = (roots[(turn + ahead) % 3] / edit.__name__ for ahead in (0, 1))
            inside.mkdir()
            outside.mkdir()
            for _ in edit(inside, outside):
                pass
            witnesses.look(edit.__name__)
        assert witnesses.full.digests_checked > len(EDITS)
        status, _ = server.end(signal.SIGTERM)
        assert (status, "Traceback" in server.log()) == (0, False), server.log()


@pytest.mark.parametrize(("seed", "fanout"), [*enumerate(CARRIERS, 1)])
def test_a_storm_that_does_not_wait_for_anyone(seed: int, fanout: str, tmp_path: Path) -> None:
    """Two programs change the same tree at random, as fast as they can, while barriers are asked for."""
    root = tmp_path / "root"
    root.mkdir()
    with Process(root, "--batch-ms", "5", "--fanout", fanout) as server, witnessing(server, root) as witnesses:
        for calm in range(2):
            storms = [storm.start(root, 100 * seed + 10 * calm + number, 4000) for number in (0, 1)]
            while any(one.poll() is None for one in storms):
                witnesses.full.until_clock(server.sync())
            assert [one.returncode for one in storms] == [0, 0]
            witnesses.look(f"seed {seed}, calm {calm}")


def test_a_burst_comes_in_pieces_each_a_whole_tree(server: Process, watched: Path, tmp_path: Path) -> None:
    """Cut at `--batch-max-bytes`: consecutive clocks, `more` on all but the last, a right digest after each."""
    (tmp_path / "tree").mkdir()
    next(burst(tmp_path / "tree", tmp_path))
    with witnessing(server, watched) as witnesses:
        opened = len(witnesses.full.turns)
        (tmp_path / "tree").rename(watched / "pieces")
        witnesses.look("moved in")
        messages = [message for turn in witnesses.full.turns[opened:] for message in turn.named("message")]
        clocks = [int(message["clock"].rpartition("-")[2]) for message in messages]
        assert clocks == list(range(clocks[0], clocks[0] + len(clocks)))
        assert any(message["more"] for message in messages)
        assert not messages[-1]["more"]
        assert witnesses.full.digests_checked == len(witnesses.full.turns)


def test_hints_that_were_lost_delay_a_change_and_never_hide_it(tmp_path: Path) -> None:
    """The process is stopped while more happens than the kernel's queue holds; the clients are told a true difference,
    not the whole tree anew."""
    root, room = tmp_path / "root", int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    grow(root)
    with Process(root, "--watcher", "inotify") as server, witnessing(server, root) as witnesses:
        server.popen.send_signal(signal.SIGSTOP)
        grow(root / "early")
        for number in range(min(room, 20_000)):  # each is an event, as no two in a row are equal
            (root / f"name{number}").touch()
            (root / f"name{number - 1}").unlink(missing_ok=True)
        (root / "part0").rename(root / "moved")
        (root / "moved" / "deep" / "0.txt").write_bytes(b"in the end")
        grow(root / "late")
        server.popen.send_signal(signal.SIGCONT)
        witnesses.look("after the storm")
        assert "overflowed" in server.log() or room > 20_000
        assert not [tree for turn in witnesses.full.turns[1:] for tree in turn.named("tree")]
        grow(root / "afterwards")
        witnesses.look("and it goes on")
