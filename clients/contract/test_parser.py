"""The parser of each library, to the letter of the HTML standard, section 9.2.6, however the bytes are cut."""

from __future__ import annotations

from random import Random

import pytest

from clients.contract.adapters import Adapter, text
from tests.vectors.implementations import Json

CASES: dict[str, tuple[bytes, list[tuple[str, str, str]], str, int | None]] = {
    "plain": (b"data: x\n\n", [("message", "x", "")], "", None),
    "crlf": (b"data: x\r\n\r\n", [("message", "x", "")], "", None),
    "cr": (b"data: x\r\r", [("message", "x", "")], "", None),
    "cr-then-more": (b"data: x\r\rdata: y\r\r", [("message", "x", ""), ("message", "y", "")], "", None),
    "mixed": (b"data: x\r\ndata: y\rdata: z\n\r\n", [("message", "x\ny\nz", "")], "", None),
    "no-space": (b"data:x\n\n", [("message", "x", "")], "", None),
    "two-spaces": (b"data:  x\n\n", [("message", " x", "")], "", None),
    "tab": (b"data:\tx\n\n", [("message", "\tx", "")], "", None),
    "no-colon": (b"data\n\n", [("message", "", "")], "", None),
    "empty-data": (b"data:\n\n", [("message", "", "")], "", None),
    "two-empty": (b"data\ndata\n\n", [("message", "\n", "")], "", None),
    "colon-in-value": (b"data: a:b\n\n", [("message", "a:b", "")], "", None),
    "comment": (b": hello\n\n:\ndata: x\n:y\n\n", [("message", "x", "")], "", None),
    "unknown-field": (b"date: 1\nfoo\n data: no\ndata: x\n\n", [("message", "x", "")], "", None),
    "event": (b"event: tree\ndata: x\n\ndata: y\n\n", [("tree", "x", ""), ("message", "y", "")], "", None),
    "event-twice": (b"event: a\nevent: b\ndata: x\n\n", [("b", "x", "")], "", None),
    "event-empty": (b"event: a\nevent\ndata: x\n\n", [("message", "x", "")], "", None),
    "event-without-data": (b"event: a\n\ndata: x\n\n", [("message", "x", "")], "", None),
    "id": (b"id: 1\ndata: x\n\ndata: y\n\n", [("message", "x", "1"), ("message", "y", "1")], "1", None),
    "id-alone": (b"id: 7\n\ndata: y\n\n", [("message", "y", "7")], "7", None),
    "id-empty": (b"id: 1\ndata: x\n\nid\ndata: y\n\n", [("message", "x", "1"), ("message", "y", "")], "", None),
    "id-nul": (b"id: 1\ndata: x\n\nid: a\0b\ndata: y\n\n", [("message", "x", "1"), ("message", "y", "1")], "1", None),
    "id-not-yet": (b"id: 1\ndata: x\n\nid: 2\n", [("message", "x", "1")], "1", None),
    "retry": (b"retry: 1500\n\n", [], "", 1500),
    "retry-not-digits": (b"retry: 1500\nretry: -1\nretry: 1e3\nretry: 2s\nretry\n\n", [], "", 1500),
    "retry-in-a-frame": (b"data: x\nretry: 10\n\n", [("message", "x", "")], "", 10),
    "bom": (b"\xef\xbb\xbfdata: x\n\n", [("message", "x", "")], "", None),
    "two-boms": (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", [], "", None),
    "bom-later": (b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [("message", "x", "")], "", None),
    "unfinished": (b"data: x\n\ndata: y\n", [("message", "x", "")], "", None),
    "unfinished-line": (b"data: x\n\ndata: y", [("message", "x", "")], "", None),
    "utf8": ("data: é€😀\n\n".encode(), [("message", "é€😀", "")], "", None),
    "not-utf8": (b"data: \xff\xc3\xc3\xa9\n\n", [("message", "��é", "")], "", None),
    "cut-utf8": (b"data: \xe2\x82\n\n", [("message", "�", "")], "", None),
    "line-separators": (
        "data: a\u2028b\u0085c\x0bd\x0ce\n\n".encode(),
        [("message", "a\u2028b\u0085c\x0bd\x0ce", "")],
        "",
        None,
    ),
    "nul-in-data": (b"data: a\0b\n\n", [("message", "a\0b", "")], "", None),
    "case": (b"Data: x\nDATA: y\ndata: z\n\n", [("message", "z", "")], "", None),
    "long": (b"data: " + b"x" * 200_000 + b"\n\n", [("message", "x" * 200_000, "")], "", None),
    "many-lines": (b"data: x\n" * 3000 + b"\n", [("message", "\n".join(["x"] * 3000), "")], "", None),
}


def expected(name: str) -> Json:
    _, events, last_id, retry = CASES[name]
    told = [{"event": event, "data": data, "id": event_id} for event, data, event_id in events]
    return {"events": told, "id": last_id, "retry": retry}


def asked(pieces: list[bytes]) -> Json:
    return {"do": "parse", "pieces": [*map(text, pieces)]}


@pytest.mark.parametrize("name", CASES)
def test_it_reads(adapter: Adapter, name: str) -> None:
    assert adapter.ask(asked([CASES[name][0]])) == expected(name)


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name][0]) < 1000])
def test_it_reads_byte_by_byte(adapter: Adapter, name: str) -> None:
    data = CASES[name][0]
    assert adapter.ask(asked([data[at : at + 1] for at in range(len(data))])) == expected(name)


@pytest.mark.parametrize("name", CASES)
def test_it_reads_in_any_pieces(adapter: Adapter, name: str) -> None:
    data, rng = CASES[name][0], Random(name)
    for _ in range(5):
        cuts = sorted(rng.choices(range(len(data) + 1), k=min(12, len(data))))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert adapter.ask(asked(pieces)) == expected(name)


def test_a_frame_is_dispatched_on_its_cr(adapter: Adapter) -> None:
    """Not only once the next byte has shown that no LF follows."""
    assert adapter.ask(asked([b"data: x\r\r"]))["events"] == [{"event": "message", "data": "x", "id": ""}]
    split = adapter.ask(asked([b"data: x\r", b"\n\r", b"\ndata: y\n\n"]))
    assert [event["data"] for event in split["events"]] == ["x", "y"]
