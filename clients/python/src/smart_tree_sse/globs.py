"""Globs over paths below a root, as bytes: `*`, `?`, `[a-z]`, `[!a-z]`, `**` for any names, `\\` for a literal.

Law: a glob without a slash matches the last name at any depth; one with a slash is tied to the root. Time is at most
the product of glob and path, whatever they are: a `*` that has to grow forgets the ones before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

__all__ = ["Glob"]

ANY_NAMES = None  # in the place of a pattern: `**`
STAR: Callable[[int], bool] | None = None  # in the place of a test: `*`

Test = Callable[[int], bool] | None
Pattern = tuple[Test, ...]


class Glob:
    """One glob, parsed once."""

    __slots__ = ("_names", "text")

    def __init__(self, glob: str | bytes) -> None:
        self.text = glob.encode("utf-8", "surrogateescape") if isinstance(glob, str) else glob
        parts = self.text.split(b"/")
        if len(parts) == 1:
            parts = [b"**", *parts]
        elif parts[0] == b"":
            del parts[0]
        self._names = tuple(ANY_NAMES if part == b"**" else _parse(part) for part in parts)

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def matches(self, path: bytes) -> bool:
        """Whether it matches this path, which is told relative to its root, without a slash before it; empty for the
        root, which only `**` matches."""
        return bool(self.text) and _match_names(self._names, path.split(b"/") if path else [])


def _match_names(patterns: tuple[Pattern | None, ...], names: list[bytes]) -> bool:
    p = n = 0
    back_p, back_n = -1, 0  # where to go on from when a name doesn't match: behind the last `**`
    while n < len(names):
        if p < len(patterns) and patterns[p] is ANY_NAMES:
            p, back_p, back_n = p + 1, p + 1, n
        elif p < len(patterns) and _match_name(patterns[p] or (), names[n]):
            p, n = p + 1, n + 1
        elif back_p >= 0:
            back_n += 1
            p, n = back_p, back_n
        else:
            return False
    return all(pattern is ANY_NAMES for pattern in patterns[p:])


def _match_name(pattern: Pattern, name: bytes) -> bool:
    p = n = 0
    back_p, back_n = -1, 0
    while n < len(name):
        test = pattern[p] if p < len(pattern) else None
        if p < len(pattern) and test is STAR:
            p, back_p, back_n = p + 1, p + 1, n
        elif test is not None and test(name[n]):
            p, n = p + 1, n + 1
        elif back_p >= 0:
            back_n += 1
            p, n = back_p, back_n
        else:
            return False
    return all(test is STAR for test in pattern[p:])


@lru_cache(maxsize=256)
def _parse(part: bytes) -> Pattern:
    """The tests of a name's bytes, one after the other."""
    tests: list[Test] = []
    at = 0
    while at < len(part):
        byte = part[at]
        found = _class(part, at + 1) if byte == ord("[") else None
        if byte == ord("*"):
            if not tests or tests[-1] is not STAR:
                tests.append(STAR)
            at += 1
        elif byte == ord("?"):
            tests.append(lambda _: True)
            at += 1
        elif found is not None:
            test, at = found
            tests.append(test)
        else:
            byte, at = _literal(part, at)
            tests.append(byte.__eq__)
    return tuple(tests)


def _literal(part: bytes, at: int) -> tuple[int, int]:
    """The byte that is meant there, and where the next one stands."""
    if part[at] == ord("\\") and at + 1 < len(part):
        at += 1
    return part[at], at + 1


def _class(part: bytes, at: int) -> tuple[Callable[[int], bool], int] | None:
    """The class that opens before `at`, and where it ends. None if it is never closed: then its bracket is an ordinary
    byte. A bracket that stands first is a member."""
    negated = part[at : at + 1] == b"!"
    at += negated
    members: set[int] = set()
    while at < len(part) and (not members or part[at] != ord("]")):
        low, at = _literal(part, at)
        high = low
        if part[at : at + 1] == b"-" and part[at + 1 : at + 2] not in (b"", b"]"):
            high, at = _literal(part, at + 1)
        members.update(range(low, high + 1))
        members.add(-1)  # one was read, be its range empty
    if at >= len(part):
        return None
    return (lambda byte: byte not in members) if negated else members.__contains__, at + 1
