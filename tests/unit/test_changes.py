"""Laws of packed changes: they read back as they were, and their frames are those that Python makes of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree._changes import Change, Changes
from smarttree._frames import change_frames
from smarttree.stream.events import _change_frame
from tests.clients.sse import Parser

STAMP = "2026-01-02T03:04:05.678Z"

names = st.binary(min_size=1, max_size=40) | st.text(min_size=1, max_size=20).map(
    lambda text: text.encode(errors="replace")
)
paths = names.map(lambda name: b"/r/" + name)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    kind = draw(st.sampled_from(["modified", "created", "deleted", "renamed"]))
    return Change(
        kind,
        draw(paths),
        draw(paths) if kind == "renamed" else None,
        draw(st.sampled_from(["file", "dir", "symlink", "other"])),
        draw(st.integers(0, 2**64 - 1)),
        draw(st.binary(max_size=30)),
        draw(st.integers(-(2**63), 2**63 - 1)),
        draw(st.sampled_from([None, "same", "changed"])),
    )


@given(st.lists(changes()))
def test_they_read_back(told: list[Change]) -> None:
    packed = Changes(told)
    assert list(packed) == told
    assert len(packed) == len(told)
    assert packed == Changes(told)
    assert (packed == Changes(told[1:])) == (not told)


@given(st.lists(changes()), st.sampled_from([b"/r/", b"/r/a", b"/", b"/x", b""]))
def test_what_is_below_a_root(told: list[Change], prefix: bytes) -> None:
    packed = Changes(change._replace(growth=change.growth >> 8) for change in told)
    here = [change for change in packed if change.path.startswith(prefix)]
    assert packed.below(prefix) == (len(here), sum(change.growth for change in here))
    assert list(packed.files(prefix)) == [c.path for c in here if c.kind != "dir" and c.type != "deleted"]


@given(st.lists(changes()), st.sampled_from([None, "c-1-2"]), st.booleans())
def test_the_frames_are_those_of_python(told: list[Change], id: str | None, only_content: bool) -> None:
    shown = [change for change in told if not (only_content and change.content == "same")]
    wanted = b"".join(
        _change_frame(change, STAMP, id if index == len(shown) - 1 else None) for index, change in enumerate(shown)
    )
    assert change_frames(Changes(told), STAMP, id, _change_frame, only_content=only_content) == wanted
    assert Changes(told).same == sum(change.content == "same" for change in told)


def test_a_content_that_is_not_known_leaves_no_trace() -> None:
    change = Change("modified", b"/r/a", None, "file", 1, b"d", 1)
    data = change_frames(Changes([change]), STAMP, None, _change_frame)
    assert b"content" not in data
    same = change_frames(Changes([change._replace(content="same")]), STAMP, None, _change_frame)
    assert same == data.replace(b'"}\n', b'","content":"same"}\n')


@pytest.mark.parametrize("byte", range(1, 0x80))
def test_every_byte_of_ascii_is_escaped_as_json_asks(byte: int) -> None:
    change = Change("created", b"/r/" + bytes([byte]), None, "file", 1, b"d", 1)

    def never(change: Change, timestamp: str, id: str | None) -> bytes:
        raise AssertionError("this path is in ASCII")

    data = change_frames(Changes([change]), STAMP, None, never)
    (frame,) = Parser().feed(data)
    assert json.loads(frame.data or "")["path"] == "/r/" + chr(byte)
    assert data == _change_frame(change, STAMP, None)


def test_what_is_no_change_is_refused() -> None:
    with pytest.raises(ValueError, match="tuple"):
        Changes([Change("eaten", b"/r/a", None, "file", 1, b"", 0)])
