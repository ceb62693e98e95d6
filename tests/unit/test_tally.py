"""Changes counted by path: as by hand, and what is too much is counted with its directory."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from smarttree._changes import Change, Changes
from smarttree._tally import Tally

ROOT = b"/srv/"
TYPES, KINDS = ("modified", "created", "deleted", "renamed"), ("file", "dir", "symlink", "other")


def some_changes(dice: random.Random, count: int, root: bytes = ROOT) -> list[Change]:
    def change() -> Change:
        names = [b"%c" % dice.choice(b"abc\xff") * dice.randrange(1, 40) for _ in range(dice.randrange(1, 5))]
        kind, growth = dice.choice(KINDS), dice.randrange(-(1 << 40), 1 << 40)
        return Change(dice.choice(TYPES), root + b"/".join(names), None, kind, 0, b"", growth)

    return [change() for _ in range(count)]


def is_hot(change: Change) -> bool:
    return change.kind != "dir" and change.type != "deleted"


def by_hand(changes: list[Change], prefix: bytes) -> tuple[int, int, list[tuple[bytes, int]]]:
    below = [change for change in changes if change.path.startswith(prefix) and change.path != prefix]
    heat = Counter(change.path for change in below if is_hot(change))
    hottest = sorted(heat.items(), key=lambda item: (-item[1], item[0]))[:10]
    return len(below), sum(change.growth for change in below), hottest


def tallied(changes: list[Change], root: bytes = ROOT) -> Tally:
    tally = Tally()
    tally.add(Changes(changes), root)
    return tally


def prefixes(changes: list[Change]) -> set[bytes]:
    """Of all directories that something could be in."""
    found = {ROOT}
    for change in changes:
        names = change.path.split(b"/")
        found |= {b"/".join(names[:n]) + b"/" for n in range(2, len(names) + 1)}
    return found


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_counting_by_hand(seed: int) -> None:
    dice = random.Random(seed)
    changes = some_changes(dice, dice.choice([0, 1, 12, 300]))
    tally = tallied(changes + some_changes(dice, 20, b"/srv2/") + some_changes(dice, 20, b"/"))
    for prefix in prefixes(changes):
        found = Tally()
        assert (*found.take(tally, prefix), found.hottest(10)) == (
            *by_hand(changes, prefix)[:2],
            True,
            by_hand(changes, prefix)[2],
        )


@pytest.mark.parametrize("seed", range(8))
def test_what_was_folded_adds_up(seed: int) -> None:
    """A root's counts stay exact. Below it none is ever too large, and all of it is told where that is said."""
    dice = random.Random(seed)
    changes = some_changes(dice, 400) + some_changes(dice, 9) * 20
    whole = tallied(changes)
    for share in (2, 4, 16, 10**6):
        folded = whole.folded(whole.nbytes // share)
        assert folded.nbytes <= max(whole.nbytes // share, 200)
        assert Tally().take(folded, ROOT) == (*by_hand(changes, ROOT)[:2], True)
        for prefix in prefixes(changes):
            count, growth, is_all = Tally().take(folded, prefix)
            right = by_hand(changes, prefix)
            assert (count, growth) == right[:2] if is_all else count <= right[0]
    assert len(folded) == 1


def test_the_hottest_are_not_folded() -> None:
    dice = random.Random(3)
    hot = [Change("modified", b"/srv/deep/down/hot%d" % n, None, "file", 0, b"", 1) for n in range(10)]
    tally = tallied(some_changes(dice, 1000) + hot * 50)
    assert tally.folded(tally.nbytes // 8).hottest(10) == [(change.path, 50) for change in hot]


def test_two_tallies_are_as_one() -> None:
    dice = random.Random(4)
    first, second = some_changes(dice, 100), some_changes(dice, 100)
    both = tallied(first).copy()
    assert both.take(tallied(second), b"")[:2] == by_hand(second, ROOT)[:2]
    assert Tally().take(both, ROOT)[:2] == by_hand(first + second, ROOT)[:2]
    assert both.hottest(64) == tallied(first + second).hottest(64)


def test_the_root_of_all() -> None:
    tally = tallied([Change("created", b"/etc/passwd", None, "file", 9, b"", 9)], b"/")
    assert Tally().take(tally.folded(0), b"/") == (1, 9, True)
    assert Tally().take(tally.folded(0), b"/etc/") == (0, 0, False)
    assert tally.folded(0).hottest(10) == []
