"""Segments: whatever a client reads, from wherever it comes, is every byte after its clock, once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.stream.segments import Segments


def batches(*sizes: int, max_bytes: int = 1 << 20) -> Segments:
    segments = Segments(0, max_bytes)
    for seq, size in enumerate(sizes, 1):
        segments.append(seq, bytes([seq]) * size)
    return segments


def test_empty_segments_can_be_followed_from_their_clock_only() -> None:
    segments = Segments(5, 100)
    assert (segments.seq, segments.floor, segments.end) == (5, 5, 0)
    assert segments.locate(5) == 0
    assert segments.locate(4) is None
    assert segments.locate(6) is None
    assert segments.read(0, 100) == (b"", 0, 5)


def test_read_joins_whole_segments_up_to_the_limit() -> None:
    segments = batches(3, 3, 3)
    assert segments.read(0, 6) == (b"\x01" * 3 + b"\x02" * 3, 2, 2)
    assert segments.read(0, 8) == (b"\x01" * 3 + b"\x02" * 3, 2, 2)
    assert segments.read(2, 100) == (b"\x03" * 3, 3, 3)
    assert segments.read(3, 100) == (b"", 3, 3)


def test_a_segment_larger_than_the_limit_is_read_alone() -> None:
    segments = batches(10, 10)
    assert segments.read(0, 1) == (b"\x01" * 10, 1, 1)


def test_a_single_segment_is_shared_not_copied() -> None:
    data = b"x" * 100
    segments = Segments(0, 1000)
    segments.append(1, data)
    run = segments.read(0, 1000)
    assert run is not None
    assert run.data is data


def test_interludes_repeat_a_clock_and_are_no_news_to_who_comes_with_it() -> None:
    segments = batches(1, 1)
    segments.append(2, b"beat")
    segments.append(2, b"beat")
    segments.append(3, b"\x03")
    assert segments.locate(1) == 1
    assert segments.locate(2) == 4
    assert segments.read(1, 100) == (b"\x02beatbeat\x03", 5, 3)


def test_a_smaller_bound_drops_the_front_at_once() -> None:
    segments = batches(3, 3, 3)
    segments.bound(4)
    assert (segments.floor, segments.nbytes) == (2, 3)
    segments.bound(0)
    assert segments.read(2, 100) == (b"\x03" * 3, 3, 3)


def test_the_front_is_dropped_beyond_the_bound() -> None:
    segments = batches(*[10] * 10, max_bytes=30)
    assert (segments.floor, segments.seq, segments.nbytes) == (7, 10, 30)
    assert segments.locate(6) is None
    assert segments.read(6, 100) is None
    assert segments.locate(7) == 7
    assert segments.read(7, 100) == (b"\x08" * 10 + b"\x09" * 10 + b"\x0a" * 10, 10, 10)


def test_the_last_segment_stays_however_large() -> None:
    segments = batches(10, 1000, max_bytes=30)
    assert segments.floor == 1
    run = segments.read(1, 30)
    assert run is not None
    assert len(run.data) == 1000


def test_a_clock_never_runs_backwards() -> None:
    segments = batches(1, 1)
    with pytest.raises(ValueError, match="segment 1 after 2"):
        segments.append(1, b"")


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=30),
    st.integers(1, 200),
    st.integers(1, 50),
)
def test_every_client_reads_every_byte_after_its_clock(
    script: list[tuple[bool, int]], max_bytes: int, limit_bytes: int
) -> None:
    segments = Segments(0, max_bytes)
    told: list[tuple[int, bytes]] = []  # (seq, bytes), interludes too
    for is_batch, size in script:
        seq = segments.seq + is_batch
        data = bytes([len(told) % 256]) * size
        segments.append(seq, data)
        told.append((seq, data))
    for since in range(segments.floor, segments.seq + 1):
        index, seq, got = segments.locate(since), since, b""
        assert index is not None
        while (run := segments.read(index, limit_bytes)) is not None and run.data:
            got += run.data
            assert run.seq >= seq
            index, seq = run.next_index, run.seq
        assert got == b"".join(data for seq, data in told if seq > since)
        assert (index, seq) == (segments.end, segments.seq)
