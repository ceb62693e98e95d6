"""The pure parts by their laws, over what chance makes: the hash, parser, batches, waiting, and what is told."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
import xxhash

from smart_tree_sse import Glob, StreamEndedError
from smart_tree_sse.batches import Collector
from smart_tree_sse.draft import Draft
from smart_tree_sse.qtn import Record, decode_snapshot
from smart_tree_sse.qtn.xxh64 import Rows, hash_rows
from smart_tree_sse.sse import Frame, Parser
from smart_tree_sse.told import TreeChange, chosen, difference, draft_changes
from smart_tree_sse.tree import Tree
from smart_tree_sse.waiting import Waiting
from spec import qtn1

SEED = 20_261_128


@pytest.mark.parametrize("has_digest", [False, True])
@pytest.mark.parametrize("sizes", [[*range(1, 1025)], [1], [23, 3], [*range(1, 40)] * 2000], ids=len)
def test_the_hash_of_many_is_the_hash_of_each(has_digest: bool, sizes: list[int]) -> None:
    rng = random.Random(SEED)
    names = [rng.randbytes(size) for size in sizes]
    rng.shuffle(names)
    values = [(rng.randrange(1 << 16), rng.randrange(1 << 63), rng.randrange(-1 << 63, 1 << 63)) for _ in names]
    digests = [rng.randrange(1 << 128) if has_digest else 0 for _ in names]
    lengths = np.array([len(name) for name in names], np.uint16)
    halves = np.array([[digest >> shift & (1 << 64) - 1 for digest in digests] for shift in (0, 64)], np.uint64)
    rows = Rows(
        b"".join(names),
        np.cumsum([0, *lengths]),
        lengths,
        np.array([mode for mode, _, _ in values], np.uint16),
        np.array([size for _, size, _ in values]),
        np.array([mtime for _, _, mtime in values]),
    )
    chosen = np.arange(0, len(names), 2)
    hashes = np.zeros((2, len(names)), np.uint64)
    hash_rows(rows, chosen, hashes, chosen, halves[:, chosen] if has_digest else None)
    whole = zip(values, digests, names, strict=True)
    each = [struct.pack("<IQq", *v) + digest.to_bytes(16, "little") + name for v, digest, name in whole]
    for seed, found in enumerate(hashes.tolist()):
        assert found[::2] == [xxhash.xxh64_intdigest(one, seed) for one in each[::2]]
        assert not any(found[1::2]), "what was not chosen stays"


@pytest.mark.parametrize("seed", range(20))
def test_names_come_as_they_were_told(seed: int) -> None:
    rng = random.Random(seed)
    stems = [bytes(rng.choices(b"ab", k=1000)) for _ in range(3)]
    ends = [b"", b".c", b".html", b".abcdefghijklmno", bytes(rng.choices(b"ab", k=20))]
    longest = rng.choice([4, 40, 300, 980])
    names = sorted({rng.choice(stems)[: rng.randrange(1, longest)] + rng.choice(ends) for _ in range(400)})
    entries = {number: qtn1.Entry(number, 1, name, 0o100644, 0, 0) for number, name in enumerate(names, 2)}
    top = qtn1.Snapshot(1, 1, 1, b"/t", 0o040755, 0, 0, entries)
    top.digest = qtn1.digests([*entries.values()])[1]
    snapshot = decode_snapshot(qtn1.encode_snapshot(top))
    assert [snapshot.name(row) for row in range(len(snapshot))] == names


STREAM = (
    b"\xef\xbb\xbfretry: 7\r\n: c\r\nevent: e\rdata: 1\rdata\r\ndata:\xff\xc3\xa9\nid: a\r\n\r\n"
    b"id: b\0\ndata: 2\n\nid\n\ndata: lost"
)


def test_frames_are_the_same_however_the_bytes_are_cut() -> None:
    whole = Parser()
    expected = whole.feed(STREAM)
    assert [(f.event, f.data, f.id) for f in expected] == [
        ("e", "1\n\n�é", "a"),
        ("message", "2", None),
        ("message", None, ""),
    ]
    assert (whole.retry_ms, whole.last_id) == (7, "")
    rng = random.Random(SEED)
    for _ in range(300):
        cuts = sorted(rng.randrange(len(STREAM) + 1) for _ in range(rng.randrange(8)))
        parser, frames = Parser(), list[Frame]()
        for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
            frames += parser.feed(STREAM[start:end])
        assert frames == expected


def test_a_frame_is_told_as_soon_as_its_cr_has_come() -> None:
    assert len(Parser().feed(b"data: 1\r\r")) == 1


def test_bounds() -> None:
    with pytest.raises(StreamEndedError, match="an event"):
        Parser(max_event_bytes=100).feed(b"data: " + b"x" * 101)
    parser, collector = Parser(), Collector(max_batch_bytes=100)
    with pytest.raises(StreamEndedError, match="a batch"):
        list(collector.add(parser.feed(b"data: 0123456789\n\n" * 10)))


def test_batches_are_whole() -> None:
    parser, collector = Parser(), Collector()
    frames = parser.feed(b"data: 1\n\ndata: 2\nid: a\n\nid: b\n\ndata: 3\n\n")
    batches = [([frame.data for frame in batch.frames], batch.clock) for batch in collector.add(frames)]
    assert batches == [(["1", "2"], "a"), ([], "b")]


def test_waiting_doubles_up_to_its_bound() -> None:
    waiting = Waiting(max_s=30.0)
    assert [waiting.seconds(chance) for chance in (0.0, 1.0)] == [0.5, 1.0]
    found = list[float]()
    for failures in range(8):
        waiting.failures = failures
        found.append(waiting.seconds(1.0))
    assert found == [1, 2, 4, 8, 16, 30, 30, 30]
    assert waiting.seconds(0.0, retry_after_s=60) == 60


def a_tree(rng: random.Random, epoch: int) -> Tree:
    """Some forty entries, of which trees of the same seed's beginning have many in common."""
    entries = dict[int, qtn1.Entry]()
    directories, used = [1], set[tuple[int, bytes]]()
    for number in rng.sample(range(2, 60), 40):
        parent, name = rng.choice(directories), rng.choice([b"a", b"b.py", b"c\xff", b"d", b"e.rs"])
        if (parent, name) in used:
            continue
        used.add((parent, name))
        is_dir = rng.random() < 0.4
        mode = 0o040755 if is_dir else 0o100644
        entries[number] = qtn1.Entry(number, parent, name, mode, 0 if is_dir else rng.randrange(3), rng.randrange(2))
        if is_dir:
            directories.append(number)
    top = qtn1.Snapshot(epoch, 1, 1, b"/t", 0o040755, 0, 0, entries)
    flat, _ = qtn1.directory_order(entries.values(), 1)
    top.digest = qtn1.digests(flat).get(1, 0)
    return Tree([decode_snapshot(qtn1.encode_snapshot(top))])


def paths(tree: Tree) -> dict[str, tuple[int, ...]]:
    """Every path with the values that are a change of it."""
    return {
        p.decode("utf-8", "surrogateescape"): (n.mode, *(() if n.is_dir else (n.size, n.mtime_ns))) for p, n in tree
    }


def retold(before: dict[str, tuple[int, ...]], changes: list[TreeChange]) -> dict[str, tuple[int, ...]]:
    """The paths after what is told of them."""
    after = dict(before)
    for change in changes:
        after.pop(change.old_path or "", None)
        if change.type == "deleted":
            after.pop(change.path)
    for change in changes:
        entry = change.entry
        if change.type != "deleted":
            is_dir = entry.kind == "dir"
            after[change.path] = (entry.mode, *(() if is_dir else (entry.size, entry.mtime_ns)))
    return after


def records(old: Tree, new: Tree) -> list[Record]:
    """What makes one of the other, where both are of one space of ids."""
    was, now = ({n.id: n for _, n in tree} for tree in (old, new))
    gone = [Record(i, 1, 0, b"", 0, 0, 0) for i in was.keys() - now.keys()]
    return sorted(
        gone + [Record(n.id, 30, n.parent, n.name, n.mode, n.size, n.mtime_ns) for n in now.values()],
        key=lambda record: record.id,
    )


@pytest.mark.parametrize("seed", range(60))
def test_what_is_told_leads_from_the_old_paths_to_the_new(seed: int) -> None:
    old, new = a_tree(random.Random(seed), 1), a_tree(random.Random(seed + 1000), 1 + seed % 2)
    before, after = paths(old), paths(new)
    assert retold(before, difference(old, new)) == after
    assert difference(old, old) == []
    was, now = ({n.id: n for _, n in tree} for tree in (old, new))
    if any(was[i].is_dir != now[i].is_dir for i in was.keys() & now.keys()):
        return  # no records lead there
    draft = Draft(old, records(old, new))
    told = draft_changes(draft)
    assert paths(old) == before, "a draft changes nothing"
    draft.commit()
    assert (paths(old), old.digest, old.count) == (after, new.digest, new.count)
    assert retold(before, told) == after
    assert [*chosen(told, (Glob("*.py"),))] == [
        change for change in told if ".py" in change.path[-3:] or ".py" in (change.old_path or "")[-3:]
    ]
