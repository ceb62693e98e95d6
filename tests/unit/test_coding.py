"""The law of a compressed stream: the preface and any run of pieces are the plain bytes of that run, each of them
whole when its last byte has come, whatever the pieces are and however they arrive.
"""

from __future__ import annotations

import gzip
import json
import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from smarttree.codec.coding import CODINGS, GZIP, IDENTITY, ZSTD, document, piece, preface
from tests.clients.coding import decoder

LAW_EXAMPLES = 200
WINDOW_MAX = 8 << 20  # what a client must be ready for (RFC 9659)

PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=200),
        st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=30), st.integers(1, 5000)),
        st.builds(lambda seed, size: random.Random(seed).randbytes(size), st.integers(), st.integers(1, 100_000)),
    ),
    min_size=1,
    max_size=8,
)


def header_name(coding: str) -> str:
    return "" if coding == IDENTITY else coding


@settings(max_examples=LAW_EXAMPLES, deadline=None)
@given(st.sampled_from(CODINGS), PIECES, st.data())
def test_whoever_comes_in_at_any_piece_reads_all_that_follows_at_once(
    coding: str, plain: list[bytes], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(plain) - 1))
    step = data.draw(st.sampled_from([1, 2, 7, 1000, 1 << 20]))
    decode = decoder(header_name(coding))
    assert decode(preface(coding)) == b""
    for each in plain[first:]:
        sent, got = piece(coding, each), b""
        for at in range(0, len(sent), step):
            got += decode(sent[at : at + step])
        assert got == each


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 32768, 65536, 1 << 20])
@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_at_the_borders_of_windows_too(coding: str, size: int) -> None:
    plain = random.Random(size).randbytes(min(size, 700)) * (size // 700 + 1)
    decode = decoder(coding)
    decode(preface(coding))
    for _ in range(3):
        assert decode(piece(coding, plain[:size])) == plain[:size]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_piece_is_a_function_of_its_bytes(coding: str) -> None:
    plain = b"event: change\ndata: {}\n\n" * 1000
    assert piece(coding, plain) == piece(coding, plain)


@settings(max_examples=LAW_EXAMPLES, deadline=None)
@given(st.sampled_from(CODINGS), PIECES)
def test_a_document_is_compressed_whole_whatever_pieces_it_comes_in(coding: str, plain: list[bytes]) -> None:
    whole = b"".join(plain)
    sent = b"".join(document(coding, plain))
    assert sent == b"".join(document(coding, [whole]))
    if coding == GZIP:
        assert gzip.decompress(sent) == whole
    elif coding == ZSTD:
        assert zstandard.get_frame_parameters(sent).window_size <= WINDOW_MAX
        assert zstandard.ZstdDecompressor().decompressobj().decompress(sent) == whole
    else:
        assert sent == whole


def test_windows_are_small_enough_for_browsers() -> None:
    large = random.Random(0).randbytes(1 << 20) * 20
    assert zstandard.get_frame_parameters(piece(ZSTD, large)).window_size <= WINDOW_MAX
    assert zstandard.get_frame_parameters(b"".join(document(ZSTD, [large]))).window_size <= WINDOW_MAX


@pytest.mark.parametrize("coding", [GZIP, ZSTD])
def test_events_become_less_than_half_of_their_size_ten_at_a_time(coding: str) -> None:
    rng = random.Random(1)
    events = "".join(
        "event: change\ndata: "
        + json.dumps({"type": "modified", "path": f"/srv/project/src/{rng.random()}.rs", "kind": "file", "size": 100})
        + "\n\n"
        for _ in range(10)
    ).encode()
    assert len(piece(coding, events)) < len(events) / 2
