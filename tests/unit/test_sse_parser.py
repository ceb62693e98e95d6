"""Laws of the plain SSE parser: the HTML standard's rules, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clients.sse import Frame, Parser


def events(stream: bytes, last_id: str = "") -> list[tuple[str, str, str]]:
    """(type, data, last event id) of what a browser would fire for the whole stream."""
    return [(f.event, f.data, f.last_id) for f in Parser(last_id).feed(stream) if f.data is not None]


@pytest.mark.parametrize(
    ("stream", "fired"),
    [
        (b"data: a\n\n", [("message", "a", "")]),
        (b"data: a\r\r", [("message", "a", "")]),
        (b"data: a\r\n\r\n", [("message", "a", "")]),
        (b"data: a\r\n\n", [("message", "a", "")]),
        (b"data: a\n\r", [("message", "a", "")]),
        (b"\n\r\r\n\ndata: a\n\n\n\n", [("message", "a", "")]),
        (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")]),
        (b"data:test\n\ndata: test\n\ndata:  test\n\n", [("message", t, "") for t in ("test", "test", " test")]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10", "")]),
        (b": comment\n\n:\ndata: a\n:b\ndata: c\n\n", [("message", "a\nc", "")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a", ""), ("message", "b", "")]),
        (b"event: x\n\ndata: b\n\n", [("message", "b", "")]),
        (b"event: x\nevent:\ndata: b\n\n", [("message", "b", "")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [("message", "a", "1"), ("message", "b", "1"), ("message", "c", "")],
        ),
        (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")]),
        (b"id: 1\n\ndata: a\n\n", [("message", "a", "1")]),
        (b"data: a\n\nid: 9\ndata: cut off", [("message", "a", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", "a", "")]),
        (b"data: \xff\xc3\n\n", [("message", "\ufffd\ufffd", "")]),
        (b"Data: a\n data: b\ndata : c\nunknown: d\n\n", []),
        (b"data: a: b\n\n", [("message", "a: b", "")]),
        ("data: é\u2028\x85\x0b\n\n".encode(), [("message", "é\u2028\x85\x0b", "")]),
    ],
)
def test_what_a_browser_fires(stream: bytes, fired: list[tuple[str, str, str]]) -> None:
    assert events(stream) == fired


@pytest.mark.parametrize(
    ("stream", "retry_ms"),
    [
        (b"retry: 1500\n", 1500),
        (b"retry:1\nretry: 2\n", 2),
        (b"retry: 1s\n", None),
        (b"retry: -1\n", None),
        (b"retry\n", None),
        ("retry: ٣\n".encode(), None),
        (b"retry: 5", None),
    ],
)
def test_retry(stream: bytes, retry_ms: int | None) -> None:
    parser = Parser()
    parser.feed(stream)
    assert parser.retry_ms == retry_ms


def test_a_frame_is_dispatched_at_its_cr_and_a_late_lf_is_swallowed() -> None:
    parser = Parser()
    assert [f.data for f in parser.feed(b"data: a\r\n\r")] == ["a"]
    assert parser.feed(b"\n") == []
    assert [f.data for f in parser.feed(b"data: b\n\n")] == ["b"]


def test_an_id_counts_only_once_its_frame_is_whole() -> None:
    parser = Parser(last_id="before")
    parser.feed(b"id: 7\ndata: a\n")
    assert parser.last_id == "before"
    parser.feed(b"\n")
    assert parser.last_id == "7"


def test_frames_without_data_are_told_if_they_have_an_id() -> None:
    frames = Parser().feed(b": beat\n\nid: 3\n\nevent: stats\ndata: {}\nid: 3\n\nid: 4\ndata: x\n\n")
    assert frames == [
        Frame("message", None, "3", "3", "id"),
        Frame("stats", "{}", "3", "3", "id"),
        Frame("message", "x", "4", "4", "data"),
    ]


def test_comments_are_counted() -> None:
    parser = Parser()
    parser.feed(b": one\n\n:\n:three")
    assert parser.comments == 2


pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b":", b" ", b"data", b"data:", b"id: ", b"event:", b"retry: 3", b"a", b"\xc3\xa9", b"\0"]
)


@given(st.lists(pieces, max_size=40), st.lists(st.integers(0, 60)), st.booleans())
def test_cuts_do_not_matter(parts: list[bytes], cuts: list[int], bom: bool) -> None:
    stream = b"\xef\xbb\xbf" * bom + b"".join(parts)
    whole, cut = Parser(), Parser()
    expected = whole.feed(stream)
    edges = sorted({0, len(stream), *(c for c in cuts if c < len(stream))})
    got = [frame for a, b in pairwise(edges) for frame in cut.feed(stream[a:b])]
    bytewise = Parser()
    assert expected == got == [frame for byte in stream for frame in bytewise.feed(bytes([byte]))]
    assert (whole.retry_ms, whole.last_id, whole.comments) == (cut.retry_ms, cut.last_id, cut.comments)


@given(st.lists(st.sampled_from([b"data: a", b"id: 1", b"", b": c", b"event: e"]), max_size=20))
def test_line_endings_do_not_matter(lines: list[bytes]) -> None:
    by_ending = [Parser().feed(b"".join(line + end for line in lines)) for end in (b"\n", b"\r", b"\r\n")]
    assert by_ending[0] == by_ending[1] == by_ending[2]
