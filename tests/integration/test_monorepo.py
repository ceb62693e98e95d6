"""A user, a monorepo of 84,000 entries, `curl -N`, and what PROTOCOL promises of each byte that comes out.

The tests share one server and one tree, and each leaves both in order for the next.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spec.qtn1 import decode_batch, decode_delta, decode_snapshot, from_text
from spec.qtn1_mirror import Mirror
from tests.clients.plain import get_json
from tests.disk import Listing, difference, listing, mirror_listing
from tests.integration import storm
from tests.integration.consumers import ByDeltas, ByWords, shape_of, told_path, without_times_of_directories
from tests.integration.curl import Block, Curl
from tests.integration.process import COMMAND, PROJECT, Process

CLOCK = re.compile(r"[0-9a-f]{16}-\d+")
TREE_FIELDS = {"path", "mode", "compressed", "stats", "clock", "digest", "reason", "filtered", "protocol", "version"}
STATS_FIELDS = {"path", "interval", "changes", "growth", "growth_bytes", "hot_files", "files", "dirs", "size"}
CHANGE_FIELDS = {"type", "path", "kind", "size", "timestamp", "delta"}
MESSAGE_FIELDS = {"clock", "changes", "stats", "digest", "more"}


def totals_of(disk: Listing) -> dict[str, int]:
    dirs = sum(seen.kind == "dir" for seen in disk.values())
    return {"files": len(disk) - dirs, "dirs": dirs, "size": sum(seen.size for seen in disk.values())}


def next_turn(curl: Curl, clock: str) -> list[Block]:
    """An opening or a batch, without a preamble. What may stand between batches, `stats` or a heartbeat, repeats the
    last id, and is left out."""
    while True:
        turn = [block for block in curl.until_id() if {"data", "id"} & {*block.names}]
        if turn[-1].event == "message" and "data" in turn[-1].names:
            return turn
        assert len(turn) == 1
        assert turn[0].names in (["event", "data", "id"], ["id"])
        assert "data" not in turn[0].names or turn[0].event == "stats"
        assert turn[0].value("id") == clock


class Watcher:
    """A `curl -N` that has shown its opening, and the mirror that is kept by what it goes on to show."""

    def __init__(self, server: Process) -> None:
        self.server = server
        self.curl = Curl(f"{server.url}/events")
        self.preamble = [self.curl.block()]
        while "event" not in (block := self.curl.block()).names:
            self.preamble.append(block)
        self.opening = [block, *self.curl.until_id()]
        snapshot = decode_snapshot(from_text(self.opening[0].json["compressed"]))
        self.mirror = Mirror()
        self.mirror.replace([snapshot])
        self.clock = self.opening[-1].value("id")

    def batches(self, clock: str) -> list[list[Block]]:
        """The batches up to this clock, each checked for its form, and taken into the mirror."""
        found = []
        while self.clock != clock:
            found.append(next_turn(self.curl, self.clock))
            self._check(found[-1])
            self.mirror.apply(decode_batch(from_text(found[-1][-2].value("data"))))
            assert found[-1][-1].json["digest"] == f"{self.mirror.service_digest:032x}"
            self.clock = found[-1][-1].value("id")
        return found

    def edit(self) -> tuple[list[dict[str, Any]], list[list[Block]]]:
        """The changes, and the batches, of what has just been done to the tree."""
        batches = self.batches(self.server.sync())
        return [block.json for batch in batches for block in batch[:-2]], batches

    def _check(self, batch: list[Block]) -> None:
        """change …, quantum, message; the id on the message, and there the last line."""
        *changes, quantum, message = batch
        assert [block.names for block in changes] == [["event", "data"]] * len(changes)
        assert {block.event for block in changes} <= {"change"}
        assert quantum.names == ["event", "data"]
        assert quantum.event == "quantum"
        assert quantum.value("data").startswith("QTN1:BATCH:")
        assert message.names == ["data", "id"]
        told = message.json
        assert told.keys() == MESSAGE_FIELDS
        assert told["clock"] == message.value("id")
        assert (told["changes"], told["more"]) == (len(changes), False)
        epoch, _, seq = self.clock.partition("-")
        assert told["clock"] == f"{epoch}-{int(seq) + 1}"
        for change in (block.json for block in changes):
            renamed = {"old_path"} if change["type"] == "renamed" else set()
            assert change.keys() - {"path_b64", "old_path_b64"} == CHANGE_FIELDS | renamed
            assert decode_delta(from_text(change["delta"]))

    def close(self) -> None:
        self.curl.close()


@pytest.fixture(scope="module")
def server(linux: Path) -> Iterator[Process]:
    with Process(linux) as running:
        yield running
        assert "Traceback" not in running.log()


@pytest.fixture
def outside(linux: Path) -> Iterator[Path]:
    """A directory that is not served, on the file system of the one that is."""
    with tempfile.TemporaryDirectory(dir=linux.parent) as path:
        yield Path(path)


@pytest.fixture(scope="module")
def first(server: Process) -> Iterator[Watcher]:
    """It comes while the server still scans, and stays for all the tests."""
    watcher = Watcher(server)
    yield watcher
    watcher.close()


def test_the_answer_is_a_stream_that_ends_with_its_connection(first: Watcher) -> None:
    assert first.curl.status == "HTTP/1.1 200 OK"
    headers = first.curl.headers
    assert headers["content-type"].partition(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-store, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["connection"] == "close"
    assert headers.keys().isdisjoint({"content-length", "transfer-encoding", "content-encoding"})


def test_it_begins_with_when_to_come_back_and_a_comment(first: Watcher) -> None:
    retry, *comments = first.preamble
    if retry.names != ["retry"]:  # both may stand in one block
        retry, comments = Block(retry.raw, retry.lines[:1]), [Block(retry.raw, retry.lines[1:]), *comments]
    assert 1000 <= int(retry.value("retry")) <= 3000
    assert comments
    assert {name for comment in comments for name in comment.names} == {""}


def test_the_opening_is_the_whole_tree_and_its_numbers(first: Watcher, linux: Path) -> None:
    disk = listing(bytes(linux))
    assert len(disk) >= 80_000
    tree, stats, message = first.opening
    assert [tree.names, stats.names, message.names] == [["event", "data"], ["event", "data"], ["data", "id"]]
    assert [block.event for block in first.opening] == ["tree", "stats", "message"]
    told = tree.json
    assert told.keys() == TREE_FIELDS
    assert told["compressed"].startswith("QTN1:AQID")
    assert CLOCK.fullmatch(told["clock"])
    assert told["clock"] == message.json["clock"] == message.value("id")
    assert (told["path"], told["mode"], told["reason"]) == (str(linux), "quantum", "initial")
    assert (told["filtered"], told["protocol"]) == (False, 1)
    assert told["stats"] == totals_of(disk) == message.json["stats"]
    assert stats.json.keys() == STATS_FIELDS
    assert {name: stats.json[name] for name in ("files", "dirs", "size")} == totals_of(disk)
    assert (stats.json["interval"], stats.json["changes"], stats.json["growth"]) == ("5m", 0, "+0B")
    assert message.json.keys() == MESSAGE_FIELDS
    assert (message.json["changes"], message.json["more"]) == (0, False)


def test_the_digests_are_those_of_what_was_sent(first: Watcher, linux: Path) -> None:
    tree, _, message = first.opening
    fresh = Mirror()
    fresh.replace([decode_snapshot(from_text(tree.json["compressed"]))])
    root = fresh.entries[fresh.children[0][bytes(linux)]]
    assert tree.json["digest"] == f"{root.digest:032x}"
    assert message.json["digest"] == f"{fresh.digest():032x}"
    assert difference(listing(bytes(linux)), mirror_listing(fresh)) == ""


def test_edits_are_told_one_by_one_and_altogether(first: Watcher, linux: Path, outside: Path) -> None:
    before = datetime.now(UTC)
    readme, kernel = linux / "README", linux / "kernel"
    told = []
    with readme.open("ab") as file:
        file.write(b"more\n")
    told += first.edit()[0]
    (outside / "new.c").write_bytes(b"int x;\n")
    (outside / "new.c").rename(kernel / "new.c")  # written in place it could be seen before it is whole
    told += first.edit()[0]
    (kernel / "new.c").rename(linux / "mm" / "newer.c")
    told += first.edit()[0]
    (linux / "mm" / "newer.c").chmod(0o600)
    told += first.edit()[0]
    (linux / "mm" / "newer.c").unlink()
    told += first.edit()[0]
    size = readme.stat().st_size
    assert [(change["type"], change["path"], change["kind"], change["size"]) for change in told] == [
        ("modified", str(readme), "file", size),
        ("created", str(kernel / "new.c"), "file", 7),
        ("renamed", str(linux / "mm" / "newer.c"), "file", 7),
        ("modified", str(linux / "mm" / "newer.c"), "file", 7),
        ("deleted", str(linux / "mm" / "newer.c"), "file", 7),
    ]
    assert [change["old_path"] for change in told if change["type"] == "renamed"] == [str(kernel / "new.c")]
    for change in told:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", change["timestamp"])
        assert abs((datetime.fromisoformat(change["timestamp"]) - before).total_seconds()) < 60


def test_a_directory_is_one_change_when_it_goes_and_all_its_entries_when_it_comes(
    first: Watcher, linux: Path, outside: Path
) -> None:
    below = listing(bytes(linux / "arch" / "arm"))
    assert len(below) > 2000
    words, deltas = ByWords(shape_of(mirror_listing(first.mirror)), [bytes(linux)]), ByDeltas(deepcopy(first.mirror))
    (linux / "arch" / "arm").rename(linux / "arch" / "leg")
    told, _ = first.edit()
    assert [(change["type"], change["path"]) for change in told] == [("renamed", str(linux / "arch" / "leg"))]
    all_told = told
    shutil.copytree(linux / "arch" / "leg", outside / "arm", symlinks=True)
    (outside / "arm").rename(linux / "arch" / "arm")
    told, batches = first.edit()
    assert {told_path(change) for change in told} == {*below, bytes(linux / "arch" / "arm")}
    assert {change["type"] for change in told} == {"created"}
    assert batches[-1][-1].json["stats"] == totals_of(listing(bytes(linux)))
    shutil.rmtree(linux / "arch" / "arm")
    (linux / "arch" / "leg").rename(linux / "arch" / "arm")
    for change in [*all_told, *told, *first.edit()[0]]:
        words.take(change)
        deltas.take(change)
    disk = listing(bytes(linux))
    assert words.shape == shape_of(disk)
    assert difference(disk, mirror_listing(first.mirror)) == ""
    assert difference(without_times_of_directories(disk), deltas.listing()) == ""


def resumed(server: Process, last_id: str) -> Curl:
    return Curl(f"{server.url}/events", "-H", f"Last-Event-ID: {last_id}")


def test_who_comes_back_gets_the_missed_batches_byte_for_byte(server: Process, first: Watcher, linux: Path) -> None:
    first.batches(server.sync())
    with Curl(f"{server.url}/events") as leaver:
        last_id = leaver.until_id()[-1].value("id")
    missed = []
    for number in range(5):
        (linux / "Documentation" / f"note{number}").write_bytes(b"n" * number)
        (linux / "Documentation" / f"note{number - 1}").unlink(missing_ok=True)
        missed += first.edit()[1]
    (linux / "Documentation" / "note4").unlink()
    missed += first.edit()[1]
    with resumed(server, last_id) as back:
        shown, clock = [], last_id
        while clock != first.clock:
            shown += next_turn(back, clock)
            clock = shown[-1].value("id")
        assert [block.raw for block in shown] == [block.raw for batch in missed for block in batch]
        (linux / "Documentation" / "after").touch()
        (batch,) = first.edit()[1]
        assert [block.raw for block in next_turn(back, clock)] == [block.raw for block in batch]
    (linux / "Documentation" / "after").unlink()
    first.edit()


@pytest.mark.parametrize("last_id", ["0123456789abcdef-5", "nonsense", "{epoch}-99999999", "{epoch}-0"])
def test_who_comes_with_an_unknown_clock_is_given_everything_anew(
    server: Process, first: Watcher, linux: Path, last_id: str
) -> None:
    first.batches(server.sync())
    with resumed(server, last_id.format(epoch=first.clock.partition("-")[0])) as back:
        shown = next_turn(back, "")
    assert [block.event for block in shown] == ["tree", "stats", "message"]
    assert shown[0].json["reason"] == "rebase"
    snapshot = decode_snapshot(from_text(shown[0].json["compressed"]))
    fresh = Mirror()
    fresh.replace([snapshot])
    batches = decode_clock(first.clock) - decode_clock(shown[-1].value("id"))
    assert batches >= 0  # an opening may be an older one, shared
    if not batches:
        assert fresh.service_digest == first.mirror.service_digest


def decode_clock(clock: str) -> int:
    return int(clock.rpartition("-")[2])


def test_a_checkout_of_everything_at_once(first: Watcher, linux: Path) -> None:
    """Thousands of files written, a whole driver tree gone, another moved: the mirror is the disk in the end."""
    for path in sorted((linux / "include").rglob("*.h"))[::2]:
        path.write_bytes(path.read_bytes() + b"/* touched */\n")
    subprocess.run(["rm", "-rf", linux / "drivers" / "gpu"], check=True)
    (linux / "drivers" / "net").rename(linux / "net" / "drivers")
    subprocess.run(["cp", "-r", linux / "fs", linux / "fs2"], check=True)
    batches = first.batches(first.server.sync())
    disk = listing(bytes(linux))
    assert difference(disk, mirror_listing(first.mirror)) == ""
    assert batches[-1][-1].json["stats"] == totals_of(disk)
    told = get_json(f"{first.server.url}/stats")
    assert {name: told[name] for name in ("files", "dirs", "size")} == totals_of(disk)
    assert told["clock"] == first.clock


def test_the_command_line_prints_the_same_tree(first: Watcher, linux: Path) -> None:
    """`st PATH`, as quantum: another process, which scans the disk itself."""
    command = [*COMMAND, str(linux), "--mode", "quantum"]
    printed = subprocess.run(command, check=True, capture_output=True, cwd=PROJECT).stdout
    assert printed[:3] == b"\x01\x02\x03"
    fresh = Mirror()
    fresh.replace([decode_snapshot(printed)])
    first.batches(first.server.sync())
    assert fresh.service_digest == first.mirror.service_digest


def test_nothing_is_missed_between_the_scan_and_the_watch(linux: Path) -> None:
    """Everything is in motion while the server reads it for the first time."""
    places = [linux, linux / "arch", linux / "fs", linux / "tools"]
    storms = [storm.start(place, seed, 1500) for seed, place in enumerate(places)]
    with Process(linux) as server, server.follow("?events=tree,quantum,message") as follower:
        assert [one.wait() for one in storms] == [0] * len(storms)
        follower.until_clock(server.sync())
        assert difference(listing(bytes(linux)), mirror_listing(follower.mirror)) == ""
        assert "Traceback" not in server.log()
