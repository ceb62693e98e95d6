"""Laws of a snapshot's parts: together they are the whole, and one directory is read without the rest."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given

from spec import qtn1_parts as parts
from spec.qtn1 import Entry, QtnError, Snapshot, decode_snapshot, digests, encode_snapshot
from spec.qtn1_entries import tell_chunk
from tests.plain_encoder import Choices, seal, with_sections
from tests.plain_encoder import encode_snapshot as encode_otherwise
from tests.plain_trees import DIRECTORY, EVERY_KIND, FILE, TREES, Row, choices, snapshot, snapshots

HEADER = "epoch", "seq", "top", "path", "mode", "mtime_ns", "digest"


@given(snapshots, choices)
def test_any_snapshot_is_its_manifest_and_groups(s: Snapshot, options: Choices) -> None:
    document = with_sections(encode_otherwise(s, options), b"\x01\x02ab\x00")
    manifest, groups = parts.encode_manifest(document), parts.groups_of(document)
    told = parts.decode_manifest(manifest)
    assert parts.assemble(manifest, groups) == document
    assert [getattr(told, name) for name in HEADER] == [getattr(s, name) for name in HEADER]
    assert told.entry_count == len(s.entries)
    assert [three for _, three in told.chunks] == [
        [(parts.address(g), len(g)) for g in groups[at : at + 3]] for at in range(0, len(groups), 3)
    ]


def test_an_address_is_of_what_is_unpacked() -> None:
    s = snapshot(TREES["WIDE"])
    packed, raw = (parts.groups_of(encode_snapshot(s, uncompressed=u)) for u in (False, True))
    assert packed != raw
    assert [*map(parts.address, packed)] == [*map(parts.address, raw)]


def test_a_size_leaves_the_other_addresses() -> None:
    def addresses(rows: list[Row]) -> list[int]:
        return [parts.address(group) for group in parts.groups_of(encode_snapshot(snapshot(rows)))]

    other = [
        (parent, name, mode, size + (name == b"file"), mtime_ns) for parent, name, mode, size, mtime_ns in EVERY_KIND
    ]
    assert [a == b for a, b in zip(addresses(EVERY_KIND), addresses(other), strict=True)] == [True, False, True]


def test_wrong_groups_are_refused() -> None:
    document = encode_snapshot(snapshot(TREES["WIDE"]))
    manifest, groups = parts.encode_manifest(document), parts.groups_of(document)
    raw = parts.groups_of(encode_snapshot(snapshot(TREES["WIDE"]), uncompressed=True))
    for wrong, index in [
        ([groups[0], groups[0], groups[2]], 1),
        ([groups[0], groups[1][:-1], groups[2]], 1),
        ([groups[0], raw[1], groups[2]], 1),
        ([b"", *groups[1:]], 0),
        ([bytes([0xFF]) * len(groups[0]), *groups[1:]], 0),
        (groups[:2], 2),
        ([*groups, b""], 3),
    ]:
        with pytest.raises(QtnError) as caught:
            parts.assemble(manifest, wrong)
        assert (caught.value.code, caught.value.offset) == ("address", index)


def paths(s: Snapshot) -> dict[bytes, Entry]:
    """Every entry by its path below the top."""
    found: dict[int, bytes] = {s.top: b""}
    for entry in s.entries.values():
        found[entry.id] = (found[entry.parent] + b"/" + entry.name).lstrip(b"/")
    return {found[e.id]: e for e in s.entries.values()}


@given(snapshots, choices)
def test_any_directory_is_what_it_is_in_the_whole(s: Snapshot, options: Choices) -> None:
    document = encode_otherwise(s, options)
    assert parts.decode_below(document, b"") == decode_snapshot(document)
    sums = digests(list(s.entries.values()))
    for path, entry in paths(s).items():
        below = parts.decode_below(document, path)
        if not entry.is_dir:
            assert below is None
            continue
        assert below is not None
        assert (below.top, below.mode, below.mtime_ns) == (entry.id, entry.mode, entry.mtime_ns)
        assert below.digest == sums.get(entry.id, 0)
        assert below.path == s.path.rstrip(b"/") + b"/" + path
        assert below.entries == {e.id: e for at, e in paths(s).items() if at.startswith(path + b"/")}
    assert parts.decode_below(document, b"nowhere/at/all") is None


def test_other_chunks_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Row] = [(0, b"d%d" % n, DIRECTORY, 0, 0) for n in range(10)]
    rows += [(1 + n // 100, b"%04d" % n, FILE, 0, 0) for n in range(1_000)]
    document = encode_otherwise(snapshot(rows), Choices(chunk=50))
    unpacked: list[int] = []

    def counting(*args: object) -> list[Entry]:
        unpacked.append(1)
        return tell_chunk(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(parts, "tell_chunk", counting)
    below = parts.decode_below(document, b"d7")
    assert below is not None
    assert len(below.entries) == 100
    assert len(unpacked) <= 4, "of 21: that of the top's children, and those of the range"


def test_damage_is_refused_and_nothing_else_comes_of_it() -> None:
    document = encode_snapshot(snapshot(EVERY_KIND))
    for seed in range(2_000):
        chance = random.Random(seed)
        wrong = bytearray(document[:-8])
        for _ in range(chance.randint(1, 3)):
            wrong[chance.randrange(4, len(wrong))] = chance.randrange(256)
        for read in (lambda d: parts.decode_below(d, b"dir"), parts.encode_manifest, parts.groups_of):
            with suppress(QtnError):
                read(seal(bytes(wrong), 8))
