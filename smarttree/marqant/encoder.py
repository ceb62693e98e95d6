r"""From a text to a container that the reference decodes exactly: it can't take one thing for another in it.

Each token is one character that the text lacks, and no pattern has a token in it, so the order in which they are
replaced does not matter. CR LF stands in patterns alone, where it is `CR \n`; a CR at the end of the text is followed
by a token for nothing. A line feed is added at the end, as the last one is taken for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Final

from smarttree.errors import CannotCarry, TooLarge

# It takes 1 to 3 s of one core and 100 MB for a text of that size, a quarter of a second for a tenth of it.
ENCODE_BYTES_MAX: Final = 1 << 20
TOKENS_MAX: Final = 2000
_CRLF: Final = "\r\n"

# One byte saves most: controls (no white space), then what can be seen, but for what ends a token in its line.
_OF_ONE_BYTE: Final = (*range(0x01, 0x09), *range(0x0E, 0x1C), *range(0x7F, 0x3D, -1), *range(0x3C, 0x20, -1))
_OF_MORE: Final = (range(0x80, 0xD800), range(0xE000, 0x110000))


def encode(text: bytes, time_s: int, check: Callable[[], None] = lambda: None) -> bytes:
    """The container of a text. The same in, the same out. Raises TooLarge for more than ENCODE_BYTES_MAX, CannotCarry
    for what is not UTF-8, and what `check` raises, which is called often.
    """
    if len(text) > ENCODE_BYTES_MAX:
        raise TooLarge(f"a text may have {ENCODE_BYTES_MAX:,} bytes in marqant; this one has {len(text):,}")
    from smarttree.marqant.phrases import choose, units_of  # numpy, which a server should not wait for

    try:
        units = units_of(text.decode())
    except UnicodeDecodeError as error:
        raise CannotCarry(
            f"marqant is for text in UTF-8, and byte {error.start} is none; zstd and gzip take it"
        ) from None
    tokens = _tokens(set(chain.from_iterable(set(units))))
    crlf = next(tokens) if _CRLF in units else ""
    nothing = next(tokens) if units and units[-1] == "\r" else ""
    free = list(islice(tokens, TOKENS_MAX))
    patterns = {}
    for token, phrase in zip(free, choose(units, [len(token.encode()) for token in free], check), strict=False):
        patterns[token] = phrase.text
        for start in phrase.starts:
            units[start : start + phrase.units] = [token, *[""] * (phrase.units - 1)]
    if _CRLF in units:
        patterns[crlf] = _CRLF
        units = [crlf if unit == _CRLF else unit for unit in units]
    if nothing:
        patterns[nothing] = ""
    lines = (f"{token}={pattern}".replace("\n", "\\n") + "\n" for token, pattern in patterns.items())
    following = "".join((*lines, "---\n", *units, nothing, "\n")).encode()
    return b"MARQANT %d %d %d\n" % (time_s, len(text), len(following)) + following


def _tokens(present: set[str]) -> Iterator[str]:
    """The characters that a text lacks, the shortest first. There are more than it can have."""
    return (char for char in map(chr, chain(_OF_ONE_BYTE, *_OF_MORE)) if char not in present)
