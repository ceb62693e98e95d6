"""The law of the table of watches: it does what two dicts of Python do, whatever is bound, forgotten and ended."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree._watched import Watched

keys = st.integers(0, 12) | st.integers(0, 2**63 - 1).filter(lambda key: key % 5 == 0)
ids = st.integers(1, 12)
pairs = st.lists(st.tuples(ids, keys), max_size=6)
MODIFY, CLOSE_WRITE, MOVED_FROM, IGNORED = 0x2, 0x8, 0x40, 0x8000


class Model:
    """The same with dicts."""

    def __init__(self) -> None:
        self.id_of: dict[int, int] = {}
        self.key_of: dict[int, int] = {}

    def bind(self, watches: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[int]]:
        replaced, left = [], dict[int, int]()
        for directory, key in watches:
            old = self.id_of.get(key, left.get(key, directory))
            if old != directory:
                replaced.append((old, directory))
                if key in self.id_of:
                    self.key_of.pop(old, None)
            former = self.key_of.get(directory, key)
            if former != key and self.id_of.get(former) == directory:
                del self.id_of[former]
                left[former] = directory
            self.id_of[key], self.key_of[directory] = directory, key
        return replaced, [key for key in left if key not in self.id_of]

    def forget(self, directory: int) -> int | None:
        key = self.key_of.pop(directory, None)
        return key if key is not None and self.id_of.get(key) == directory and self.id_of.pop(key) else None

    def end(self, key: int) -> None:
        directory = self.id_of.pop(key, None)
        if directory is not None and self.key_of.get(directory) == key:
            del self.key_of[directory]


@given(st.lists(pairs | ids | keys.map(lambda key: (key,)), max_size=30))
@settings(max_examples=300)
def test_it_is_two_dicts(steps: list[list[tuple[int, int]] | int | tuple[int]]) -> None:
    watched, model = Watched(), Model()
    met: set[int] = set()
    for step in steps:
        if isinstance(step, list):
            assert watched.bind(step) == model.bind(step)
            met |= {key for _, key in step}
        elif isinstance(step, int):
            assert watched.forget(step) == model.forget(step)
        else:
            watched.end(*step)
            model.end(*step)
        assert len(watched) == len(model.id_of)
        assert {key: watched.directory(key) for key in met} == {key: model.id_of.get(key) for key in met}
        assert {key for key in met if key in watched} == met & model.id_of.keys()


@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(0, 8))
def test_whoever_had_a_key_is_told_in_any_order(order: list[int], taken: list[int], count: int) -> None:
    """Two roots change places: which is read first is chance, and hints wait for both."""
    watched = Watched()
    watched.bind((eid, eid) for eid in range(8))
    pairs = list(zip(order, taken, strict=True))[:count]
    replaced, left = watched.bind(pairs)
    assert set(replaced) == {(key, eid) for eid, key in pairs if key != eid}
    assert set(left) == {eid for eid, key in pairs if key != eid} - {key for _, key in pairs}


def test_many_come_and_go() -> None:
    watched, count = Watched(), 20_000
    assert watched.bind((eid, 7 * eid) for eid in range(1, count)) == ([], [])
    assert all(watched.directory(7 * eid) == eid for eid in range(1, count))
    assert [watched.forget(eid) for eid in range(1, count - 10)] == [7 * eid for eid in range(1, count - 10)]
    assert len(watched) == 10
    assert watched.directory(7 * (count - 1)) == count - 1


def test_what_is_heard() -> None:
    watched = Watched()
    watched.bind([(1, 10), (2, 20)])
    names: dict[int, set[bytes]] = {}
    moved: set[tuple[int, bytes]] = set()
    written: set[tuple[int, bytes]] = set()
    stored: set[tuple[int, bytes]] = set()
    events = [
        (10, MODIFY, b"a"),
        (20, CLOSE_WRITE, b"d"),
        (10, MOVED_FROM, b"b"),
        (20, 0x100, b""),
        (20, IGNORED, b""),
        (30, MODIFY, b"c"),
    ]
    assert watched.hear([*events, (10, MODIFY, b"a"), (-1, 0x4000, b"")], names, moved, written, stored) == (
        3,
        [(20, IGNORED, b""), (30, MODIFY, b"c"), (-1, 0x4000, b"")],
    )
    assert (names, moved) == ({1: {b"a", b"b"}, 2: {b"d"}}, {(1, b"b")})
    assert (written, stored) == ({(1, b"a"), (2, b"d")}, {(1, b"a")})
