"""The window of five minutes: exact counts, bounded memory, per root, and no clock of its own."""

from __future__ import annotations

from smarttree.stream.activity import HOT_FILES, PATHS_PER_BUCKET, WINDOW_S, Activity, Window
from smarttree.stream.batch import Batch, Change, Changes
from smarttree.tree import Totals

SECOND_NS = 1_000_000_000
ROOT = b"/project"


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


def test_a_root_begins_with_nothing_and_is_forgotten() -> None:
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
    assert activity.summary(SECOND_NS, b"/b").changes == 0


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


def test_a_burst_is_counted_whole_and_remembered_in_part() -> None:
    activity = Activity([ROOT])
    activity.add(batch(1, change(b"/project/hot")))
    activity.add(batch(1, *(change(b"/project/%d" % number) for number in range(10 * PATHS_PER_BUCKET))))
    activity.add(batch(1, change(b"/project/hot")))
    window = activity.summary(SECOND_NS, ROOT)
    assert window.changes == 10 * PATHS_PER_BUCKET + 2
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
