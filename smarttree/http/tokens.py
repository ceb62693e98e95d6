"""Tokens: who may read, and who may change what is watched. Pure.

Law: of a secret its hash is kept and nothing else, and to compare a wrong one takes as long as a right one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

READ: Final = "read"
WATCH: Final = "watch"
SCOPES: Final = frozenset({READ, WATCH})
SECRET_CHARS: Final = 16  # shorter ones are guessed
TOKENS_MAX: Final = 1000
_HASHED: Final = re.compile(r"sha256:([0-9a-fA-F]{64})")
_NAME: Final = re.compile(r"[\w.@+-]{1,64}", re.ASCII)


class Holder(NamedTuple):
    """Who holds a token, and what for. `digest` is SHA-256 of the secret."""

    name: str
    scopes: frozenset[str]
    digest: bytes


class Tokens:
    """Those that are good now."""

    def __init__(self, holders: Iterable[Holder] = ()) -> None:
        self._holders = tuple(holders)

    def __bool__(self) -> bool:
        return bool(self._holders)

    def __contains__(self, holder: object) -> bool:
        return holder in self._holders

    def find(self, secret: bytes) -> Holder | None:
        """Whose secret it is. The same time for every answer: O(tokens)."""
        digest, found = hash_of(secret), None
        for holder in self._holders:
            if hmac.compare_digest(holder.digest, digest):
                found = holder
        return found

    def by_digest(self, prefix: bytes) -> Holder | None:
        """Who is meant by the first bytes of a digest; that is no secret."""
        return next((holder for holder in self._holders if holder.digest.startswith(prefix)), None)


def hash_of(secret: bytes) -> bytes:
    """As `printf %s SECRET | sha256sum` has it. A secret is long and random, so it needs no slow hash."""
    return hashlib.sha256(secret).digest()


def one_for_all(secret: str) -> Holder:
    """The only token there is: it may do everything."""
    return Holder("token", SCOPES, hash_of(secret.encode(errors="surrogateescape")))


def parse(text: str) -> list[Holder]:
    """A file's lines: `NAME SCOPES SECRET`, or a secret alone; `#` begins a comment. A secret may be its hash.

    Raises ValueError, which tells of no secret.
    """
    holders: list[Holder] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) not in (1, 3):
            raise ValueError(f"line {number} is neither a token nor NAME SCOPES TOKEN")
        name, scopes, secret = words if len(words) == 3 else (f"line-{number}", "read,watch", words[0])
        if not _NAME.fullmatch(name) or any(holder.name == name for holder in holders):
            raise ValueError(f"line {number}: a name has letters, digits, and .@+_-, and stands once")
        asked = frozenset(scopes.split(","))
        if not asked <= SCOPES:
            raise ValueError(f"line {number}: the scopes are {', '.join(sorted(SCOPES))}")
        holders.append(Holder(name, asked, _digest(secret)))
    if len(holders) > TOKENS_MAX:
        raise ValueError(f"there are more than {TOKENS_MAX} tokens")
    return holders


def _digest(secret: str) -> bytes:
    if hashed := _HASHED.fullmatch(secret):
        return bytes.fromhex(hashed[1])
    return hash_of(secret.encode(errors="surrogateescape"))
