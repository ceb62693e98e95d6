"""A batch as each class sees it: fields, order, and the id on the last frame alone."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from smarttree.clock import Clock
from smarttree.codec import from_text
from smarttree.stream import sse
from smarttree.stream.activity import Window
from smarttree.stream.batch import Batch, Change, Changes
from smarttree.stream.classes import CHANGE, EVENTS, MESSAGE, QUANTUM, STATS, TREE, LaneKey, StreamClass
from smarttree.stream.events import (
    INITIAL,
    REBASE,
    Body,
    Moment,
    RootFacts,
    growth_text,
    opening_tail,
    periodic_stats,
    render,
    timestamp_text,
    tree_frame,
)
from smarttree.tree import Totals
from tests.clients.sse import Frame, Parser

EPOCH = 0x1234
CLOCK = str(Clock(EPOCH, 8))
ALL = LaneKey(frozenset(EVENTS))
TOTALS = Totals(files=3, dirs=1, size=100)
CHANGES = (
    Change("created", b"/r/a", None, "file", 5, b"\x01\x02\x04a", 5),
    Change("renamed", b"/r/\xff", b"/r/b", "dir", 0, b"\x01\x02\x04b", 0),
)
BATCH = Batch(7, 8, 1_700_000_000_123_456_789, b"\x01\x02\x05batch", Changes(CHANGES), 0xABC, TOTALS, False)
EMPTY = Batch(7, 8, 0, b"\x01\x02\x05", Changes(), 0xABC, TOTALS, True)


def frames(data: bytes) -> list[Frame]:
    return Parser().feed(data)


def all_lanes() -> list[frozenset[str]]:
    live = [CHANGE, QUANTUM, STATS, MESSAGE]
    return [frozenset(each) for size in range(5) for each in combinations(live, size)]


def test_a_batch_is_changes_then_quantum_then_the_message() -> None:
    told = frames(render(BATCH, EPOCH, ALL))
    assert [frame.event for frame in told] == ["change", "change", "quantum", "message"]
    assert [frame.id for frame in told] == [None, None, None, CLOCK]
    assert from_text(told[2].data or "") == BATCH.data
    assert json.loads(told[3].data or "") == {
        "clock": CLOCK,
        "changes": 2,
        "stats": {"files": 3, "dirs": 1, "size": 100},
        "digest": "0" * 29 + "abc",
        "more": False,
    }


def test_a_change_tells_all_its_fields() -> None:
    created, renamed, *_ = (
        json.loads(frame.data or "") for frame in frames(render(BATCH, EPOCH, LaneKey(frozenset({CHANGE}))))
    )
    assert created == {
        "type": "created",
        "path": "/r/a",
        "kind": "file",
        "size": 5,
        "timestamp": "2023-11-14T22:13:20.123Z",
        "delta": "QTN1:DELTA:AQIEYQ==",
    }
    assert renamed["path"] == "/r/\ufffd"
    assert renamed["path_b64"] == "L3Iv/w=="
    assert renamed["old_path"] == "/r/b"
    assert "old_path_b64" not in renamed


@pytest.mark.parametrize("lane", all_lanes(), ids=lambda lane: "+".join(sorted(lane)) or "none")
@pytest.mark.parametrize("batch", [BATCH, EMPTY], ids=["changes", "empty"])
def test_in_every_class_the_id_is_once_last_and_in_the_last_line(batch: Batch, lane: frozenset[str]) -> None:
    told = frames(render(batch, EPOCH, LaneKey(lane)))
    assert [frame.id for frame in told] == [None] * (len(told) - 1) + [CLOCK]
    assert told[-1].last_field == "id"
    assert {frame.event for frame in told if frame.data is not None} <= lane


@pytest.mark.parametrize("lane", [frozenset({TREE}), frozenset({STATS})], ids=["tree", "stats"])
def test_a_class_that_wants_nothing_of_a_batch_gets_its_id(lane: frozenset[str]) -> None:
    assert render(BATCH, EPOCH, LaneKey(lane)) == sse.heartbeat(CLOCK)


def test_more_is_told() -> None:
    message = frames(render(EMPTY, EPOCH, ALL))[-1]
    assert json.loads(message.data or "")["more"] is True


def test_classes_with_the_same_live_bytes_share_a_lane() -> None:
    one = StreamClass("json", frozenset({TREE, CHANGE}))
    other = StreamClass("quantum", frozenset({CHANGE}), body=False)
    assert one.lane == other.lane == LaneKey(frozenset({CHANGE}))


def modified(name: bytes, content: str | None) -> Change:
    return Change("modified", b"/r/" + name, None, "file", 5, b"\x01", 0, content)


MIXED = Batch(7, 8, 0, b"", Changes(map(modified, (b"a", b"b", b"c"), ("changed", None, "same"))), 1, TOTALS, False)
TOUCHED = Batch(7, 8, 0, b"\x01", Changes([modified(b"c", "same")]), 1, TOTALS, False)


def test_only_content_leaves_out_what_is_the_same_and_counts_what_is_shown() -> None:
    told = frames(render(MIXED, EPOCH, LaneKey(frozenset({CHANGE, MESSAGE}), only_content=True)))
    assert [json.loads(frame.data or "").get("path") for frame in told] == ["/r/a", "/r/b", None]
    message = json.loads(told[-1].data or "")
    assert (message["changes"], message["digest"], message["stats"]["files"]) == (2, None, 3)
    assert json.loads(frames(render(MIXED, EPOCH, ALL))[-1].data or "")["changes"] == 3


def test_only_content_has_the_id_on_the_last_frame_that_is_shown() -> None:
    lane = LaneKey(frozenset({CHANGE}), only_content=True)
    assert [frame.id for frame in frames(render(MIXED, EPOCH, lane))] == [None, CLOCK]
    assert render(TOUCHED, EPOCH, lane) == sse.heartbeat(CLOCK)
    assert [frame.id for frame in frames(render(TOUCHED, EPOCH, lane._replace(events=lane.events | {QUANTUM})))] == [
        CLOCK
    ]


def test_only_content_is_a_lane_of_its_own_where_it_makes_a_difference() -> None:
    for events in all_lanes():
        plain, only = (StreamClass("json", events, only_content=only).lane for only in (False, True))
        assert (plain != only) == bool(events & {CHANGE, MESSAGE})
        assert only._replace(only_content=False) == plain


def test_an_opening_of_only_content_has_no_digest_to_compare_with() -> None:
    data = opening_tail(Moment(Clock(EPOCH, 8), TOTALS, 5), [], LaneKey(frozenset({MESSAGE}), only_content=True))
    assert json.loads(frames(data)[-1].data or "")["digest"] is None


def test_a_tree_event_has_its_body_between_mode_and_stats() -> None:
    root = RootFacts(b"/r", TOTALS, 1, Body("compressed", '"QTN1:AQID"'))
    data = json.loads(frames(tree_frame(root, "quantum", Clock(EPOCH, 8), INITIAL))[0].data or "")
    assert list(data) == [
        "path",
        "mode",
        "compressed",
        "stats",
        "clock",
        "digest",
        "reason",
        "filtered",
        "protocol",
        "version",
    ]
    assert data["compressed"] == "QTN1:AQID"
    assert (data["reason"], data["filtered"], data["protocol"]) == ("initial", False, 1)


def test_a_tree_event_without_its_body_has_all_else() -> None:
    data = json.loads(frames(tree_frame(RootFacts(b"/r", TOTALS, 1, None), "json", Clock(1, 2), REBASE))[0].data or "")
    assert (data["path"], data["reason"], data["stats"]["files"]) == ("/r", "rebase", 3)
    assert not {"compressed", "tree", "text"} & set(data)


def test_a_tree_that_is_cut_says_at_which_depth() -> None:
    root = RootFacts(b"/r", TOTALS, 1, Body("tree", '{"children":null}', depth=0))
    data = json.loads(frames(tree_frame(root, "json", Clock(1, 2), INITIAL))[0].data or "")
    assert data["depth"] == 0
    assert data["tree"] == {"children": None}


@pytest.mark.parametrize("lane", all_lanes(), ids=lambda lane: "+".join(sorted(lane)) or "none")
def test_an_opening_ends_with_its_id(lane: frozenset[str]) -> None:
    windows = [(b"/a", Window(1, 2, []), TOTALS), (b"/b", Window(0, 0, []), TOTALS)]
    told = frames(opening_tail(Moment(Clock(EPOCH, 8), TOTALS, 5), windows, LaneKey(lane)))
    assert [frame.id for frame in told] == [None] * (len(told) - 1) + [CLOCK]
    stats = [json.loads(frame.data or "")["path"] for frame in told if frame.event == "stats"]
    assert stats == (["/a", "/b"] if STATS in lane else [])


def test_periodic_stats_repeat_the_id_and_have_every_field() -> None:
    windows = [(b"/a", Window(42, 1_200_000, ["src/main.rs"]), TOTALS), (b"/b", Window(0, 0, []), TOTALS)]
    told = frames(periodic_stats(Clock(EPOCH, 8), windows))
    assert [frame.id for frame in told] == [CLOCK, CLOCK]
    assert json.loads(told[0].data or "") == {
        "path": "/a",
        "interval": "5m",
        "changes": 42,
        "growth": "+1.2MB",
        "growth_bytes": 1_200_000,
        "hot_files": ["src/main.rs"],
        "files": 3,
        "dirs": 1,
        "size": 100,
    }


@pytest.mark.parametrize(
    ("growth", "text"),
    [
        (0, "+0B"),
        (999, "+999B"),
        (-999, "-999B"),
        (1000, "+1.0KB"),
        (-1_200_000, "-1.2MB"),
        (999_949, "+999.9KB"),
        (999_999, "+1.0MB"),
        (5_000_000_000, "+5.0GB"),
        (10**18, "+1000.0PB"),
    ],
)
def test_growth_is_told_as_people_read_it(growth: int, text: str) -> None:
    assert growth_text(growth) == text


def test_timestamps_are_milliseconds_in_utc() -> None:
    assert timestamp_text(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp_text(1_752_661_800_999_999_999) == "2025-07-16T10:30:00.999Z"
