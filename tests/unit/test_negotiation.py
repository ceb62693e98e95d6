"""`Accept-Encoding` as RFC 9110, section 12.5.3, has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.codec.coding import CODINGS, GZIP, IDENTITY, ZSTD
from smarttree.http.negotiation import choose, weights


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", IDENTITY),  # an empty one: nothing but identity
        ("gzip", GZIP),
        ("GZip", GZIP),
        ("x-gzip", GZIP),
        ("zstd", ZSTD),
        ("gzip, zstd", ZSTD),
        ("gzip, deflate, br, zstd", ZSTD),  # browsers
        ("deflate, gzip, br, zstd", ZSTD),  # curl --compressed
        ("gzip, deflate", GZIP),  # libraries
        ("gzip;q=1.0, zstd;q=0.5", GZIP),
        ("gzip ; q=0.5 , zstd\t;\tQ=0.501", ZSTD),
        ("gzip;q=0", IDENTITY),
        ("gzip;q=0.000, zstd;q=0.0", IDENTITY),
        ("gzip;q=0.001", GZIP),  # named: better than what is not
        ("gzip;q=0.5, identity", IDENTITY),
        ("identity;q=0.5, gzip;q=0.5", GZIP),
        ("identity", IDENTITY),
        ("deflate, br", IDENTITY),
        ("unknown, ,, ;;, gzip", GZIP),
        ("*", GZIP),  # zstd must be named
        ("*;q=0.5, identity", IDENTITY),
        ("*;q=0", None),
        ("*;q=0, gzip", GZIP),
        ("*;q=0, identity", IDENTITY),
        ("identity;q=0", None),
        ("identity;q=0, gzip", GZIP),
        ("identity;q=0, *", GZIP),
        ("br, identity;q=0", None),
        # what is malformed is as if it were not there
        ("gzip;q=2", IDENTITY),
        ("gzip;q=-1", IDENTITY),
        ("gzip;q=0.1234", IDENTITY),
        ("gzip;q=", IDENTITY),
        ("gzip;level=9", IDENTITY),
        ("gz ip", IDENTITY),
        ("gzip;q=" + "1" * 5000, IDENTITY),
        ("identity;q=zero", IDENTITY),
    ],
)
def test_the_rules(header: str, chosen: str | None) -> None:
    assert choose([header], CODINGS) == chosen


def test_without_the_header_nothing_is_compressed() -> None:
    assert choose([], CODINGS) == IDENTITY


def test_several_headers_are_one_list() -> None:
    assert choose(["gzip;q=0.5", "zstd;q=0.4"], CODINGS) == GZIP


def test_what_is_not_offered_is_not_chosen() -> None:
    assert choose(["gzip, zstd"], (IDENTITY,)) == IDENTITY
    assert choose(["gzip, identity;q=0"], (IDENTITY,)) is None
    assert choose(["gzip, zstd"], (IDENTITY, ZSTD, GZIP)) == ZSTD


@given(st.text(max_size=60))
def test_any_text_is_read(header: str) -> None:
    assert all(0 <= weight <= 1000 for weight in weights(header).values())
    assert choose([header], CODINGS) in (*CODINGS, None)
