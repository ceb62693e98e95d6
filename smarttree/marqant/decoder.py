r"""From a container to its text, as the reference reads it, in linear time and within a bound; or a refusal.

What the reference leaves to chance is refused: a token that stands in the pattern of another of its length. So is what
does not have the size that it says it has: the reference's own encoder loses line ends, and may lose more. A last line
feed, which it always loses, is put back. Tokens of several characters and dictionaries that are looked up in the DNS
are not read; the reference's encoder makes none.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import Counter
from typing import Final, NamedTuple

from smarttree.errors import MarqantError, TooLarge

MAGIC: Final = b"MARQANT"
_SEPARATOR: Final = "---"
_ZLIB: Final = "-zlib"
_SEMANTIC: Final = "-semantic"
_STANDARD_FLAG: Final = "-std:std-static-v1"
_STANDARD: Final = dict(
    zip(
        "\x01\x02\x03\x04\x05\x06\x07\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15",
        (
            "# ",
            "## ",
            "### ",
            "#### ",
            "```",
            "\n\n",
            "- ",
            "* ",
            "**",
            "__",
            "> ",
            "| ",
            "---",
            "***",
            "[",
            "](",
            "```bash",
        ),
        strict=True,
    )
)
_DIGITS_MAX: Final = 15


class Decoded(NamedTuple):
    """A text, and what its container says of it: the time is the reference's word for when it was made."""

    text: bytes
    time: str
    flags: tuple[str, ...]


class _Head(NamedTuple):
    time: str
    size: int
    flags: tuple[str, ...]


def decode(data: bytes, max_bytes: int) -> Decoded:
    """Raises MarqantError, and TooLarge for a text of more than `max_bytes`. Takes memory for a few times that."""
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MarqantError(f"byte {error.start} is not UTF-8, as all of a marqant container is") from None
    line, at = _line(whole, 0)
    head = _head(line)
    if head.size > max_bytes:
        raise TooLarge(f"the text has {head.size:,} bytes, and may have {max_bytes:,}")
    patterns = dict(_STANDARD) if _STANDARD_FLAG in head.flags else {}
    while (entry := _line(whole, at))[0] != _SEPARATOR:
        line, at = entry
        token, equals, pattern = line.partition("=")
        if equals:
            patterns[token] = pattern.replace("\\n", "\n")
    body = whole[entry[1] :].replace("\r\n", "\n").removesuffix("\n")
    if _ZLIB in head.flags:
        body = _inflated(body, max_bytes)
    # A text may be longer on the way than in the end: there are tokens for nothing.
    text = _replaced(body, patterns, max_bytes + len(data))
    if _SEMANTIC in head.flags:
        lines = (line.removesuffix("\r") for line in text.split("\n"))
        text = "\n".join(line for line in lines if not (line.startswith("::section:") and line.endswith("::"))).rstrip()
    return Decoded(_whole(text.encode(), head.size), head.time, head.flags)


def _line(whole: str, at: int) -> tuple[str, int]:
    """The line that begins there, and where the next one does."""
    end = whole.find("\n", at)
    if end < 0:
        raise MarqantError("it ends before its text begins, at a line `---`")
    return whole[at:end].removesuffix("\r"), end + 1


def _head(line: str) -> _Head:
    name, *fields = line.split()
    if name != MAGIC.decode() or len(fields) < 3:
        raise MarqantError("its first line is not `MARQANT`, a time and two sizes")
    time, size, _, *flags = fields
    if not (size.isascii() and size.isdigit() and len(size) <= _DIGITS_MAX):
        raise MarqantError(f"{size[:40]!r} is no size in bytes")
    for flag in flags:
        if flag not in (_ZLIB, _SEMANTIC, _STANDARD_FLAG):
            raise MarqantError(f"the flag {flag[:40]!r} is not known; known are {_ZLIB}, {_SEMANTIC}, {_STANDARD_FLAG}")
    return _Head(time, int(size), tuple(flags))


def _inflated(body: str, max_bytes: int) -> str:
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(body, validate=True), max_bytes + 1)
        if len(data) > max_bytes:
            raise TooLarge(f"what is compressed in it has more than {max_bytes:,} bytes")
        if not inflate.eof:
            raise MarqantError("what is compressed in it has no end")
        return data.decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise MarqantError(f"what is compressed in it can't be read: {error}") from None


def _replaced(text: str, patterns: dict[str, str], max_bytes: int) -> str:
    """Tokens of four bytes first, then of three, two, and one: each length in one pass."""
    for token in patterns:
        if len(token) != 1:
            raise MarqantError(f"{token[:40]!r} is not one character, as each token is")
    for size in (4, 3, 2, 1):
        of_size = {token: pattern for token, pattern in patterns.items() if len(token.encode()) == size}
        if not of_size:
            continue
        counts = {char: count for char, count in Counter(text).items() if char in of_size}
        for token in counts:
            if any(char in of_size and char != token for char in of_size[token]):
                raise MarqantError(f"what it says depends on when {token!r} is replaced, which is left to chance")
        grown = sum(count * (len(of_size[token].encode()) - size) for token, count in counts.items())
        if len(text.encode()) + grown > max_bytes:
            raise TooLarge(f"the text would have more than {max_bytes:,} bytes on the way")
        text = text.translate({ord(token): of_size[token] for token in counts})
    return text


def _whole(text: bytes, size: int) -> bytes:
    if len(text) == size - 1:
        text += b"\n"
    if len(text) != size:
        raise MarqantError(f"the text has {len(text):,} bytes instead of {size:,}: damaged, or lost when it was made")
    return text
