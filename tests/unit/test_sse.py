"""Framing: one line a field, the id last, and no way to forge a frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.stream import sse
from smarttree.stream.events import to_json


def test_the_id_is_the_last_line() -> None:
    assert sse.frame("{}", event="tree", id="a-1") == b"event: tree\ndata: {}\nid: a-1\n\n"


def test_a_message_has_no_event_line() -> None:
    assert sse.frame("{}") == b"data: {}\n\n"


def test_a_heartbeat_has_no_data_so_it_fires_nothing() -> None:
    assert sse.heartbeat("a-1") == b"id: a-1\n\n"


def test_comments_and_retry_are_frames_of_their_own() -> None:
    assert sse.comment("one\ntwo") == b": one\n: two\n\n"
    assert sse.comment("") == b": \n\n"
    assert sse.retry(1500) == b"retry: 1500\n\n"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\n", "a\r\n"])
def test_a_line_break_in_a_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        sse.frame(text)
    with pytest.raises(ValueError, match="one line"):
        sse.frame("{}", event=text)
    with pytest.raises(ValueError, match="one line"):
        sse.frame("{}", id=text)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_goes_through_as_json(text: str) -> None:
    frame = sse.frame(to_json({"path": text}))
    assert frame.count(b"\n") == 2
    assert b"\r" not in frame


def test_jitter_stays_in_its_range() -> None:
    assert {sse.jitter_ms(5, 7) for _ in range(200)} == {5, 6, 7}
