"""marqant: what is encoded is decoded, exactly; whatever else comes is refused, or is a text within the bound."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarttree.errors import CannotCarry, MarqantError, TooLarge
from smarttree.marqant import ENCODE_BYTES_MAX, decode, encode
from tests.prose import ODD, generated

GOLDEN = "MARQANT 7 96 50\n\x01=\\nthe same words\n---\n# one\x01\x01\x01\nand\x01\x01\nand no more\n"
REPEATED = "# one\n" + "the same words\n" * 3 + "and\n" + "the same words\n" * 2 + "and no more"


def container(size: int, *lines: str, body: str, flags: str = "") -> bytes:
    return "\n".join([f"MARQANT 0 {size} 0 {flags}".rstrip(), *lines, "---", body, ""]).encode()


def holds(text: bytes) -> None:
    made = encode(text, 1)
    assert decode(made, len(text)) == (text, "1", ())
    assert encode(text, 1) == made
    head, _, following = made.partition(b"\n")
    assert [int(word) for word in head.split()[1:]] == [1, len(text), len(following)]


@pytest.mark.parametrize("name", ODD)
def test_what_is_awkward_comes_back(name: str) -> None:
    holds(ODD[name].encode())


@pytest.mark.parametrize("seed", range(100))
def test_awkward_pieces_come_back(seed: int) -> None:
    holds(generated(seed).encode())


@given(st.text(st.sampled_from("\r\n\\n=- \x01\x02a道")) | st.text())
def test_any_text_comes_back(text: str) -> None:
    holds((text * 3).encode("utf-8", "ignore"))


def test_what_repeats_is_written_once() -> None:
    assert encode(REPEATED.encode(), 7).decode() == GOLDEN
    assert decode(GOLDEN.encode(), 1000).text.decode() == REPEATED


@pytest.mark.parametrize("text", ["-=" * 9999, "x\n" * 9999, "a\r\n" * 9999, "\\x" * 9999, "道可" * 9999])
def test_what_overlaps_itself_is_written_once_too(text: str) -> None:
    made = encode(text.encode(), 0)
    assert len(made) < len(text) / 10
    assert decode(made, len(text.encode())).text.decode() == text


def test_what_has_no_form() -> None:
    with pytest.raises(CannotCarry, match="byte 3"):
        encode(b"abc\xff", 0)
    with pytest.raises(CannotCarry):
        encode("\ud800".encode("utf-8", "surrogatepass"), 0)
    with pytest.raises(TooLarge):
        encode(bytes(ENCODE_BYTES_MAX + 1), 0)
    holds(b"a" * ENCODE_BYTES_MAX)


def test_it_can_be_abandoned() -> None:
    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        encode(b"one two one two", 0, check)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (container(3, body="abc"), "abc"),
        (container(4, body="abc"), "abc\n"),  # the reference wrote it: the last feed is lost
        (container(4, "\x01=a\\n", body="\x01\x01"), "a\na\n"),
        (container(6, "\x01=a", "\x80=\x01b\x01", body="\x80\x80"), "abaaba"),  # the longer one first
        (container(2, "\x01=a", "\x01=b", body="\x01c"), "bc"),  # the last of two counts
        (container(1, "no token here", "\x01=a", body="\x01"), "a"),
        (container(3, "\x01=\x01a\x01", body="\x01"), "\x01a\x01"),  # replaced once
        (container(7, body="\x01a\x15", flags="-std:std-static-v1").replace(b"7", b"10"), "# a```bash"),
        (container(1, "\x01=a", body=base64.b64encode(zlib.compress(b"\x01")).decode(), flags="-zlib"), "a"),
        (container(4, body="::section:a::\n# a\n", flags="-semantic"), "# a\n"),
        (b"MARQANT 0 3 0\r\n\x01=b\r\n---\r\na\r\n\x01\r\n", "a\nb"),
    ],
)
def test_a_container_says(given: bytes, text: str) -> None:
    assert decode(given, 100).text.decode() == text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b"", "ends before"),
        (b"MARQANT 0 3 0", "ends before"),
        (b"MARQANT 0 3 0\nabc", "ends before"),
        (b"MARQANT_V1 0 3 0\n---\nabc", "first line"),
        (b"MARQANT 0 3\n---\nabc", "first line"),
        (b"MARQANT 0 -3 0\n---\nabc", "no size"),
        (b"MARQANT 0 " + b"9" * 5000 + b" 0\n---\nabc", "no size"),
        (container(5, body="abc"), "3 bytes instead of 5"),
        (container(3, body="abcdef"), "6 bytes instead of 3"),
        (container(3, "T1=a", body="abc"), "one character"),
        (container(3, "=a", body="abc"), "one character"),
        (container(3, "\x01=\x02", "\x02=a", body="\x01\x02"), "left to chance"),
        (container(3, body="abc", flags="-brotli"), "not known"),
        (container(3, body="abc", flags="-std:elsewhere"), "not known"),
        (container(3, body="abc", flags="-zlib"), "can't be read"),
        (container(3, body="abcd", flags="-zlib"), "can't be read"),
        (container(3, body=base64.b64encode(zlib.compress(b"abc")[:-5]).decode(), flags="-zlib"), "no end"),
        (container(3, body=base64.b64encode(zlib.compress(b"\xff")).decode(), flags="-zlib"), "can't be read"),
        (b"MARQANT 0 1 0\n---\n\xff\n", "not UTF-8"),
    ],
)
def test_a_container_is_refused(given: bytes, told: str) -> None:
    with pytest.raises(MarqantError, match=told):
        decode(given, 100)


@pytest.mark.parametrize(
    "bomb",
    [
        container(
            100, "\U0001f30a=" + "\u8000" * 999, "\u8000=" + "\x80" * 999, "\x80=" + "a" * 999, body="\U0001f30a" * 999
        ),
        container(100, "\x01=" + "a" * 99_999, body="\x01" * 99_999),
        container(100, body=base64.b64encode(zlib.compress(bytes(1 << 30), 9)).decode(), flags="-zlib"),
        container(10**12, body="abc"),
    ],
    ids=["tokens in tokens", "tokens", "zlib", "what it says itself"],
)
def test_a_bomb_is_refused_before_memory_is_spent(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decode(bomb, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["CRLF", "CR_LAST", "EVERY_ASCII", "ITSELF", "EMOJI"])
def test_damage_is_refused_or_gives_a_text_of_the_size_that_is_told(name: str) -> None:
    random, made = Random(name), encode(ODD[name].encode(), 1)
    zipped = container(3, "\x01=abc", body=base64.b64encode(zlib.compress(b"\x01")).decode(), flags="-zlib")
    for whole in (made, zipped, GOLDEN.encode()):
        damaged = [whole[:length] for length in range(len(whole))]
        for at in range(len(whole)):
            damaged += [whole[:at] + bytes([whole[at] ^ 1 << random.randrange(8)]) + whole[at + 1 :]]
            damaged += [whole[:at] + random.randbytes(2) + whole[at:], whole[:at] + whole[at + 1 :]]
        for each in damaged:
            try:
                text = decode(each, 2000).text
            except (MarqantError, TooLarge):
                continue
            assert len(text) == int(each.split()[2])
