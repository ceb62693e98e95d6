"""Sessions: what a browser shows in the place of a token, in a cookie that no script can read. Pure: time is passed in.

Law: a session is good for what its token is, as long as that token is, for half a day at most, and until it is ended.
It says so itself, by its authentication code: no table of them is kept, but for those that were ended early.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from collections import OrderedDict
from typing import Final, NamedTuple

from smarttree.http.tokens import Holder, Tokens

GOOD_S: Final = 43_200.0
AHEAD_S: Final = 60.0  # so far a clock may be set back without anybody being logged out
ENDED_MAX: Final = 10_000
_PAYLOAD: Final = struct.Struct("<d8s8s")  # when it began; which it is; the first bytes of its token's digest
_CODE_BYTES: Final = 16
_TIME: Final = struct.Struct("<d")
_ENDED: Final = struct.Struct("<8sd")  # which it was; when it began


class Session(NamedTuple):
    """Whose it is, which, and from when to when (seconds since 1970)."""

    holder: Holder
    which: bytes
    began: float

    @property
    def until(self) -> float:
        return self.began + GOOD_S


class Sessions:
    """Begun, read and ended with one key, from which theirs is made: a ticket, which stands in addresses, is none."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"session", "sha256")
        # A browser sends a cookie to every port of a name: two servers there must not take each other's.
        self._name = f"smarttree-{hmac.digest(key, b'name of the cookie', 'sha256')[:4].hex()}"
        self._ended: OrderedDict[bytes, float] = OrderedDict()  # by when they began
        self._none_before = 0.0

    def cookie(self, *, secure: bool) -> str:
        """The name of the cookie. With the prefix no other host, and nothing that came in the clear, can set it."""
        return f"__Host-{self._name}" if secure else self._name

    def begin(self, holder: Holder, now: float) -> tuple[Session, str]:
        """A new one, and what stands in the cookie."""
        session = Session(holder, secrets.token_bytes(8), now)
        payload = _PAYLOAD.pack(now, session.which, holder.digest[:8])
        return session, base64.urlsafe_b64encode(payload + self._code(payload)).decode().rstrip("=")

    def find(self, value: str, tokens: Tokens, now: float) -> Session | None:
        """The session of a cookie; None where it is not good, or not any more."""
        payload = self._payload(value)
        if payload is None:
            return None
        began, which, prefix = _PAYLOAD.unpack(payload)
        holder = tokens.by_digest(prefix)
        session = Session(holder, which, began) if holder is not None else None
        return session if session is not None and not self.is_over(session, tokens, now) else None

    def is_ours(self, value: str) -> bool:
        """Whether it was good once: who shows such a one has guessed nothing."""
        return self._payload(value) is not None

    def is_over(self, session: Session, tokens: Tokens, now: float) -> bool:
        return (
            session.holder not in tokens
            or session.which in self._ended
            or session.began < self._none_before
            or not -AHEAD_S <= now - session.began <= GOOD_S
        )

    def end(self, session: Session, now: float) -> None:
        """Before its time. Where there are too many such to remember, everybody is logged out."""
        self._ended[session.which] = session.began
        while self._ended and now - next(iter(self._ended.values())) > GOOD_S:
            self._ended.popitem(last=False)
        if len(self._ended) > ENDED_MAX:
            self._ended.clear()
            self._none_before = now

    def ended(self) -> bytes:
        """To be kept: what was ended before its time."""
        return _TIME.pack(self._none_before) + b"".join(_ENDED.pack(*each) for each in self._ended.items())

    def remember(self, kept: bytes, now: float) -> None:
        """What an earlier process kept. Where that can't be read, everybody is logged out."""
        if len(kept) % _ENDED.size != _TIME.size:
            self._none_before = now
            return
        (self._none_before,) = _TIME.unpack_from(kept)
        self._ended.update(_ENDED.iter_unpack(kept[_TIME.size :]))

    def _payload(self, value: str) -> bytes | None:
        try:
            data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        payload, code = data[: _PAYLOAD.size], data[_PAYLOAD.size :]
        return payload if hmac.compare_digest(self._code(payload), code) and len(payload) == _PAYLOAD.size else None

    def _code(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_CODE_BYTES]
