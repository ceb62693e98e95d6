"""The windows: exact counts below a root, bounded memory, any path, and no clock of their own."""

from __future__ import annotations

import random

import pytest

from smarttree.stream.activity import HOT_FILES, INTERVALS, STREAMED, TALLIES_BYTES, Activity, Window
from smarttree.stream.batch import Batch, Change, Changes
from smarttree.tree import Totals

SECOND_NS = 1_000_000_000
ROOT = b"/project"
WINDOW_S = INTERVALS[STREAMED]
DAY_S = INTERVALS["24h"]


def change(path: bytes, *, type: str = "modified", kind: str = "file", growth: int = 1) -> Change:
    return Change(type, path, None, kind, 0, b"", growth)


def batch(second: float, *changes: Change) -> Batch:
    return Batch(0, 1, int(second * SECOND_NS), b"", Changes(changes), 0, Totals(0, 0, 0), False)


def test_nothing_happened() -> None:
    assert Activity([ROOT]).summary(0, ROOT) == Window(0, 0, [])


def test_changes_count_until_the_window_has_passed() -> None:
    activity = Activity([ROOT])
    activity.add(batch(10.9, change(b"/project/a", growth=5)))
    activity.add(batch(20, change(b"/project/b", growth=-7), change(b"/project/b", growth=1)))
    assert activity.summary(20 * SECOND_NS, ROOT) == Window(3, -1, ["b", "a"])
    assert activity.summary((10 + WINDOW_S) * SECOND_NS - 1, ROOT) == Window(3, -1, ["b", "a"])
    assert activity.summary((10 + WINDOW_S) * SECOND_NS, ROOT) == Window(2, -6, ["b"])
    assert activity.summary((20 + WINDOW_S) * SECOND_NS, ROOT) == Window(0, 0, [])


def test_roots_are_apart_even_when_one_name_begins_the_other() -> None:
    activity = Activity([b"/a", b"/ab"])
    activity.add(batch(1, change(b"/ab/x"), change(b"/ab/y"), change(b"/a/z")))
    assert activity.summary(SECOND_NS, b"/a") == Window(1, 1, ["z"])
    assert activity.summary(SECOND_NS, b"/ab") == Window(2, 2, ["x", "y"])
    assert activity.summary(SECOND_NS, b"/abc") == Window(0, 0, [])


def test_a_root_is_counted_while_it_is_one() -> None:
    activity = Activity([b"/a"])
    activity.add(batch(1, change(b"/b/x")))
    activity.add_root(b"/b")
    activity.add(batch(1, change(b"/b/y")))
    assert activity.summary(SECOND_NS, b"/b") == Window(1, 1, ["y"])
    activity.add_root(b"/b")
    assert activity.summary(SECOND_NS, b"/b").changes == 1
    activity.drop_root(b"/b")
    activity.drop_root(b"/b")
    activity.add(batch(1, change(b"/b/z")))
    activity.add_root(b"/b")
    assert activity.summary(SECOND_NS, b"/b") == Window(1, 1, ["y"])


def test_the_root_of_the_file_system_is_a_root() -> None:
    activity = Activity([b"/"])
    activity.add(batch(1, change(b"/etc/passwd")))
    assert activity.summary(SECOND_NS, b"/").hot_files == ["etc/passwd"]


def test_directories_and_deleted_files_are_not_hot() -> None:
    activity = Activity([ROOT])
    activity.add(batch(1, change(b"/project/d", kind="dir"), change(b"/project/gone", type="deleted")))
    assert activity.summary(SECOND_NS, ROOT) == Window(2, 2, [])


def test_the_hottest_come_first_and_are_few() -> None:
    activity = Activity([ROOT])
    for number in range(50):
        activity.add(batch(number, *[change(b"/project/%02d" % number)] * (number + 1)))
    hot = activity.summary(50 * SECOND_NS, ROOT).hot_files
    assert hot == [f"{number:02d}" for number in range(49, 49 - HOT_FILES, -1)]


def test_a_burst_is_counted_whole_and_told_in_part() -> None:
    activity = Activity([ROOT])
    activity.add(batch(1, change(b"/project/hot")))
    activity.add(batch(1, *(change(b"/project/%d" % number) for number in range(20_000))))
    activity.add(batch(1, change(b"/project/hot")))
    window = activity.summary(SECOND_NS, ROOT)
    assert window.changes == 20_002
    assert window.hot_files[0] == "hot"


def test_a_clock_that_runs_backwards_loses_nothing() -> None:
    activity = Activity([ROOT])
    activity.add(batch(1000, change(b"/project/a")))
    activity.add(batch(500, change(b"/project/b")))
    assert activity.summary(1000 * SECOND_NS, ROOT).changes == 2
    assert activity.summary(500 * SECOND_NS, ROOT).changes == 2


def test_a_name_that_is_not_utf8_is_shown_as_far_as_it_is() -> None:
    activity = Activity([ROOT])
    activity.add(batch(1, change(b"/project/\xff.txt")))
    assert activity.summary(SECOND_NS, ROOT).hot_files == ["\ufffd.txt"]


def test_windows_of_any_path_are_nested() -> None:
    activity = Activity([ROOT])
    for ago, name in ((80_000, b"old"), (3000, b"hour"), (200, b"five"), (30, b"now")):
        activity.add(batch(DAY_S - ago, change(b"/project/a/" + name), change(b"/project/b/" + name)))
    windows = activity.windows(DAY_S * SECOND_NS, b"/project/a")
    assert [window.changes for window in windows] == [1, 2, 3, 4]
    (day,) = activity.windows(DAY_S * SECOND_NS, b"/project/a", ("24h",))
    assert day == Window(4, 4, ["five", "hour", "now", "old"])
    assert activity.summary(DAY_S * SECOND_NS, b"/project/a/now") == Window(0, 0, [])


@pytest.mark.parametrize("seed", range(4))
def test_windows_are_those_of_counting_by_hand(seed: int) -> None:
    """To the second up to five minutes; an hour reaches up to ten seconds further, a day up to five minutes."""
    dice, activity, times = random.Random(seed), Activity([ROOT]), list[int]()
    now = 1_000_000
    for _ in range(400):
        now += dice.choice([0, 1, 1, 7, 60, 1000])
        times.append(now)
        activity.add(batch(now, change(b"/project/f%d" % dice.randrange(9), growth=2)))
        if dice.random() < 0.2:
            now += dice.choice([0, 30, 4000])
            for (name, seconds), window in zip(INTERVALS.items(), activity.windows(now * SECOND_NS, ROOT), strict=True):
                further = {"1h": 10, "24h": 300}.get(name, 0)
                least = sum(then > now - seconds for then in times)
                assert least <= window.changes <= sum(then > now - seconds - further for then in times)
                assert window.growth_bytes == 2 * window.changes


def test_a_busy_day_takes_no_more_memory_than_a_bound() -> None:
    activity, hour = Activity([ROOT]), [change(b"/project/d%d/f%d" % (n % 40, n)) for n in range(2000)]
    for minute in range(300):
        activity.add(batch(60 * minute, *[change(b"/project/hot")] * 3, *hour))
        assert activity.nbytes <= TALLIES_BYTES
    *_, day = activity.windows(60 * 300 * SECOND_NS, ROOT)
    assert (day.changes, day.hot_files[0], day.is_exact) == (300 * 2003, "hot", True)
    *_, part = activity.windows(60 * 300 * SECOND_NS, b"/project/d7")
    assert part.changes == 300 * 50 if part.is_exact else part.changes < 300 * 50


def test_what_an_earlier_run_did_is_as_if_it_had_been_this_one() -> None:
    dice, one, two = random.Random(5), Activity([ROOT]), Activity([ROOT])
    batches = [batch(1 + n * n, change(b"/project/f%d" % dice.randrange(9))) for n in range(300)]
    for each in batches:
        one.add(each)
    for each in batches[200:]:
        two.add(each)
    two.begin(200**2 * SECOND_NS)
    two.remember(batches[:200], 200**2 * SECOND_NS)
    now_ns = 300**2 * SECOND_NS
    assert list(two.windows(now_ns, ROOT)) == list(one.windows(now_ns, ROOT))
    assert two.since_ns == SECOND_NS


def test_an_earlier_run_whose_clock_was_ahead_holds_no_window_open() -> None:
    activity = Activity([ROOT])
    activity.remember([batch(10**6, change(b"/project/a"))], 1000 * SECOND_NS)
    assert activity.summary(1000 * SECOND_NS, ROOT).changes == 1
    assert activity.summary((1000 + WINDOW_S) * SECOND_NS, ROOT).changes == 0
