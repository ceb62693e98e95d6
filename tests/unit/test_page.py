"""The page of the format: its documents byte by byte are documents, and its codes are all the codes there are."""

from __future__ import annotations

import re
from pathlib import Path

from smarttree import codec, wire
from smarttree.clock import Clock
from smarttree.row import Row
from smarttree.tree import SERVICE_ID, Tree
from tests.plain_trees import DIRECTORY, FILE

PAGE = (Path(__file__).resolve().parents[2] / "spec/QTN1.md").read_text(encoding="utf-8")
CLOCK = Clock(0x0123456789ABCDEF, 5)
TIME_NS = 1_700_000_000_000_000_000


def dumped(number: int) -> bytes:
    """The bytes of one of section 9's documents; each line's offset is checked."""
    data, block = b"", PAGE.split("## 9.")[1].split("```")[2 * number + 1]
    for line in block.strip("\n").splitlines():
        offset, hexadecimal = line[:3].strip(), line[5:53]
        assert not offset or int(offset) == len(data), line
        data += bytes.fromhex(re.match(r"(?:[0-9a-f]{2} )+", hexadecimal + " ")[0])  # type: ignore[index]
    return data


def small_tree() -> Tree:
    tree = Tree()
    for eid, parent, name, mode, size, after_ns in (
        (1, SERVICE_ID, b"/p", DIRECTORY, 0, 0),
        (2, 1, b"README", FILE, 12, 0),
        (3, 1, b"src", DIRECTORY, 0, 0),
        (4, 3, b"main.c", FILE, 1000, 0),
        (5, 3, b"util.c", FILE, 300, 5),
    ):
        assert tree.issue() == eid
        tree.insert(eid, parent, name, Row(mode, size, TIME_NS + after_ns, 0, 0, 0))
    return tree


def test_the_snapshot_byte_by_byte() -> None:
    assert dumped(0) == codec.encode_snapshot(small_tree(), 1, CLOCK)
    assert len(dumped(0)) == 145


def test_the_batch_byte_by_byte() -> None:
    before, after = small_tree(), small_tree()
    after.update(4, Row(FILE, 1024, TIME_NS + 9 * 10**9, 0, 0, 0))
    batch = codec.encode_batch(Clock(CLOCK.epoch, 6), 5, after.digest(SERVICE_ID), codec.diff(before, after))
    assert dumped(1) == batch
    assert len(batch) == 42


def test_every_code_is_on_the_page_and_no_other() -> None:
    section = PAGE.split("## 8. Errors")[1].split("## 9.")[0]
    told = set(re.findall(r"`([a-z0-9-]+)`", section))
    assert told == set(wire.ERRORS)
