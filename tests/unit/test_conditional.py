"""Preconditions and ranges as RFC 9110, sections 13 and 14, have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.http.conditional import NOT_MODIFIED, PRECONDITION_FAILED, Span, precondition, select

TAG = '"a-1"'


@pytest.mark.parametrize(
    ("field", "has_it"),
    [
        (TAG, True),
        ("*", True),
        (f"W/{TAG}", True),  # a weak comparison
        (f'"b", {TAG}', True),
        (f'"b",{TAG},"c"', True),
        (f' , "b" ,,\t{TAG}', True),
        ('"a,b", "a-1"', True),  # a comma inside a tag
        ('"a,"a-1"', False),  # malformed from there on
        ('"b"', False),
        ("a-1", False),  # tags have quotes
        ('"A-1"', False),
        ("", False),
        ('"*"', False),
        ('w/"a-1"', False),
    ],
)
def test_if_none_match(field: str, has_it: bool) -> None:
    assert precondition({"If-None-Match": field}, TAG) == (NOT_MODIFIED if has_it else None)


@pytest.mark.parametrize(
    ("field", "holds"),
    [(TAG, True), ("*", True), (f'"b", {TAG}', True), (f"W/{TAG}", False), ('"b"', False), ("", False)],
)
def test_if_match_compares_strongly(field: str, holds: bool) -> None:
    assert precondition({"If-Match": field}, TAG) == (None if holds else PRECONDITION_FAILED)


def test_if_match_comes_first() -> None:
    assert precondition({"If-Match": '"b"', "If-None-Match": TAG}, TAG) == PRECONDITION_FAILED
    assert precondition({"If-Match": TAG, "If-None-Match": TAG}, TAG) == NOT_MODIFIED
    assert precondition({}, TAG) is None


SIZE = 100
NOTHING = Span(SIZE, SIZE)


@pytest.mark.parametrize(
    ("field", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-", Span(0, 100)),
        ("bytes=10-19", Span(10, 20)),
        ("bytes=10-1000", Span(10, 100)),
        ("bytes=99-", Span(99, 100)),
        ("bytes=-1", Span(99, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("Bytes= 1-2 ", Span(1, 3)),
        ("bytes=0000000000000000000001-2", Span(1, 3)),
        ("bytes=0-" + "9" * 5000, Span(0, 100)),
        ("bytes=-" + "9" * 5000, Span(0, 100)),
        # can't be satisfied
        ("bytes=100-", NOTHING),
        ("bytes=100-200", NOTHING),
        ("bytes=" + "9" * 5000 + "-", NOTHING),
        ("bytes=-0", NOTHING),
        # no range of bytes, or several: all of it
        ("bytes=2-1", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=1-2,4-5", None),
        ("bytes=1 - 2", None),
        ("bytes", None),
        ("lines=1-2", None),
        ("1-2", None),
        ("", None),
        ("bytes=٣-٤", None),
    ],
)
def test_ranges(field: str, span: Span | None) -> None:
    assert select({"Range": field}, TAG, SIZE) == span


@pytest.mark.parametrize(
    ("if_range", "part"),
    [(TAG, True), (f" {TAG} ", True), (f"W/{TAG}", False), ('"b"', False), ("Tue, 24 Nov 2026 18:00:00 GMT", False)],
)
def test_if_range_wants_the_very_tag(if_range: str, part: bool) -> None:
    assert select({"Range": "bytes=1-2", "If-Range": if_range}, TAG, SIZE) == (Span(1, 3) if part else None)


def test_of_nothing_there_is_no_part() -> None:
    assert select({"Range": "bytes=0-"}, TAG, 0) == Span(0, 0)
    assert select({}, TAG, 0) is None


@given(st.text(max_size=40), st.integers(0, 1000))
def test_any_text_is_a_part_or_all(field: str, size: int) -> None:
    precondition({"If-None-Match": field, "If-Match": field}, TAG)
    span = select({"Range": field, "If-Range": TAG}, TAG, size)
    assert span is None or 0 <= span.start <= span.stop <= size


def test_content_range() -> None:
    assert Span(10, 20).content_range(100) == "bytes 10-19/100"
