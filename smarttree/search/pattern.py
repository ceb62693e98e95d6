"""Patterns: what is looked for, as ripgrep reads it: a literal, or a regular expression of RE2; in which case; and a
few bytes that whatever matches has in it, by which nearly all files are passed over.

Python's `re` never sees a client's pattern: RE2 takes time linear in the text, in bounded memory, without the GIL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol, cast

import re2

from smarttree.errors import BadParameter

PATTERN_BYTES_MAX: Final = 1024
RE2_BYTES_MAX: Final = 1 << 20  # of one expression; RE2's module keeps the last 128
NEEDLE_BYTES_MAX: Final = 32  # as `_needle.pxd` has it
CASES: Final = ("smart", "sensitive", "ignore")
# From the most frequent to the rarest, as counted in 25 MB of C, Python, Go and text; what is missing is rarer still.
_FREQUENT: Final = (
    b" \netsrinoalcdp_,uf\tmh.0()gx=b/y\"Ev1T-AS*2I:>wCR;NkO3{}PL'DFM<64[]B85U#`G97jH&q\\Vz+W!Y|KQX%?J@Z$~^"
)
_RANKS: Final = {byte: rank for rank, byte in enumerate(_FREQUENT)}
_FOLDED_FURTHER: Final = frozenset("ksKS")  # also KELVIN SIGN and LONG S are these
# A token of an expression: a class of Unicode, a quotation, a number of a character, another escape; a class; how a
# group begins; how often; any other. A pattern of our own, without a choice that could be undone.
_TOKEN: Final = re.compile(
    r"""
    (?P<unicode>\\[pP](?:\{[^}]*\}|.)) | (?P<quoted>\\Q(?P<quotation>.*?)(?:\\E|$)) |
    (?P<numbered>\\x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|\\[0-7]{2,3}) | (?P<escape>\\.?) |
    (?P<set>\[) | (?P<group>\((?:\?P?<\w+>|\?[a-zA-Z-]*[:)])?) | (?P<close>\)) |
    (?P<often>[*?+]\??|\{\d+(?:,\d*)?\}\??) | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_SET: Final = re.compile(
    r"\[:\^?\w+:\]|\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|\\.?|[^]]", re.DOTALL
)


class Match(Protocol):
    """Of RE2's what is used here."""

    def span(self) -> tuple[int, int]: ...


class Expression(Protocol):
    """Of RE2's what is used here."""

    def search(self, text: bytes, pos: int, endpos: int) -> Match | None: ...


class Needle(NamedTuple):
    """What every match has in it: some bytes, the rarest of them, and whether ASCII letters are folded."""

    text: bytes
    rare: int
    folded: bool


class Pattern(NamedTuple):
    """What is looked for: these very bytes, or an expression; and what every match has in it, if that is known."""

    exact: bytes | None
    expression: Expression | None
    needle: Needle | None

    def search(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the first match in `data[start:end]` begins and ends. What is before `start` is seen, as for `^`."""
        if self.exact is not None:
            at = data.find(self.exact, start, end)
            return (at, at + len(self.exact)) if at >= 0 else None
        assert self.expression is not None
        found = self.expression.search(data, start, end)
        return found.span() if found is not None else None


def compile_pattern(query: bytes, *, regex: bool, case: str) -> Pattern:
    """Raises BadParameter for what can't be looked for. `case` is one of `CASES`: `smart` is `ignore` where the pattern
    has no capital letter.
    """
    if not 0 < len(query) <= PATTERN_BYTES_MAX or b"\n" in query or b"\0" in query:
        raise BadParameter(f"q is a pattern of 1 to {PATTERN_BYTES_MAX} bytes, without line breaks or NUL in it")
    try:
        text = query.decode()
    except UnicodeDecodeError:
        if regex:
            raise BadParameter("q is no UTF-8: as a regular expression it must be") from None
        return Pattern(query, None, _needle_of([query], folded=False))
    pieces = list(_tokens(text)) if regex else [_Piece(text, is_literal=True)]
    ignores = case == "ignore" or (case == "smart" and _is_small(pieces))
    needle = _needle_of(_literals(pieces, folded=ignores), folded=ignores)
    if not regex and not (ignores and text.lower() != text.upper()):
        return Pattern(query, None, _needle_of([query], folded=False))
    return Pattern(None, _expression(text, regex=regex, ignores=ignores), needle)


def _expression(text: str, *, regex: bool, ignores: bool) -> Expression:
    options = re2.Options()
    options.max_mem, options.log_errors, options.never_nl = RE2_BYTES_MAX, False, True
    options.case_sensitive, options.never_capture = not ignores, True
    try:
        compiled = re2.compile(text if regex else re2.escape(text), options)
        if regex:  # it is an expression by itself, so it can't end our group
            compiled = re2.compile(f"(?m:{text})", options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise BadParameter(f"q is no regular expression of RE2, or too large a one: {why}") from None
    return cast(Expression, compiled)


class _Piece(NamedTuple):
    """A part of a pattern: characters that match themselves; or something else."""

    text: str
    is_literal: bool = False
    names: str = ""  # characters that it is made of, where it is no literal
    is_choice: bool = False  # nothing in the whole pattern must be there
    is_often: bool = False  # what is before it may be missing, or be there more than once
    depth: int = 0


def _tokens(text: str) -> Iterator[_Piece]:
    """What an expression is made of, roughly: for the case, and for what must be in a match."""
    at = depth = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None
        at = token.end()
        kind, found = token.lastgroup, token[0]
        if token["quoted"] is not None:
            yield _Piece(token["quotation"], is_literal=True, depth=depth)
        elif token["numbered"] is not None:
            yield _Piece("", names=_numbered(found), depth=depth)
        elif kind == "unicode":
            yield _Piece("", depth=depth)
        elif kind == "escape":
            is_itself = len(found) == 2 and not found[1].isalnum()
            yield _Piece(found[1:] if is_itself else "", is_literal=is_itself, depth=depth)
        elif kind == "set":
            start, at = at, _end_of_set(text, at)
            yield _Piece("", names=_named(text[start : at - 1]), depth=depth)
        elif kind == "group":
            depth += not (found.startswith("(?") and found.endswith(")"))
            has_flags = found.startswith("(?") and found != "(?:" and not found.endswith(">")
            yield _Piece("", is_choice=has_flags, depth=depth)
        elif kind == "close":
            depth -= 1
            yield _Piece("", depth=depth + 1)
        elif kind == "often":
            yield _Piece("", is_often=True, depth=depth)
        else:
            special = found in ".^$|"
            yield _Piece("" if special else found, is_literal=not special, is_choice=found == "|", depth=depth)


def _end_of_set(text: str, at: int) -> int:
    """Where the class that opens before `at` ends."""
    at += text.startswith("^", at)
    at += text.startswith("]", at)
    while at < len(text) and text[at] != "]":
        inner = _IN_SET.match(text, at)
        assert inner is not None
        at = inner.end()
    return at + 1


def _named(inside: str) -> str:
    """The characters that a class names, also as the end of a range."""
    parts = _IN_SET.findall(inside)
    numbered = [_numbered(part) for part in parts if part.startswith("\\x") and len(part) > 2]
    return "".join([*numbered, *(part for part in parts if len(part) == 1)])


def _numbered(escape: str) -> str:
    """The character that `\\x41`, `\\x{41}` or `\\101` is."""
    digits = escape[2:].strip("{}") if escape[1] == "x" else escape[1:]
    number = int(digits, 16 if escape[1] == "x" else 8)
    return chr(number) if number < 0x110000 else ""


def _is_small(pieces: list[_Piece]) -> bool:
    """Whether no character of a pattern is a capital letter, and there is one at all: `\\S` and `\\p{Lu}` are none."""
    named = "".join(piece.text + piece.names for piece in pieces)
    return bool(named) and not any(map(str.isupper, named))


def _literals(pieces: list[_Piece], *, folded: bool) -> list[bytes]:
    """Runs of bytes that every match has in it. Where letters are folded, of such only as have no forms but ASCII's."""
    if any(piece.is_choice for piece in pieces):
        return []
    runs, run = [], ""
    for piece, after in zip(pieces, [*pieces[1:], _Piece("")], strict=True):
        text = piece.text if piece.is_literal and not piece.depth else ""
        if after.is_often:
            text = text[:-1]
        for char in text:
            if folded and (char in _FOLDED_FURTHER or (not char.isascii() and char.lower() != char.upper())):
                runs.append(run)
                run = ""
            else:
                run += char
        if not piece.is_literal or piece.depth or after.is_often:
            runs.append(run)
            run = ""
    return [run.encode() for run in [*runs, run]]


def _needle_of(runs: list[bytes], *, folded: bool) -> Needle | None:
    """The longest run, as much of it as a needle has, or None."""
    text = max(runs, key=len, default=b"")[:NEEDLE_BYTES_MAX]
    if not text:
        return None
    text = text.lower() if folded else text
    rare = max(range(len(text)), key=lambda at: _RANKS.get(text[at], len(_RANKS)))
    return Needle(text, rare, folded)
