"""Tickets: what a browser's EventSource shows in the place of a token, which it can't send. Pure: time is passed in.

Law: a ticket is good for who asked for it by a token, as long as that token is; first used within 30 seconds, then for
a day, so that a reconnect never meets a 401. It says so itself, by its authentication code: no table of them is kept,
but for those that were used. One that was made before the start is taken as used: who else would have it by then.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from collections import OrderedDict
from typing import Final

from smarttree.http.tokens import Holder, Tokens

FIRST_USE_S: Final = 30.0
GOOD_S: Final = 86_400.0
USED_MAX: Final = 100_000
KEY_BYTES: Final = 32
_PAYLOAD: Final = struct.Struct("<d8s8s")  # when it was made; which it is; the first bytes of its token's digest
_CODE_BYTES: Final = 16


class Tickets:
    """Made and read with one key. `started`: when this process began, as the times passed in."""

    def __init__(self, key: bytes, started: float) -> None:
        self._key, self._started = key, started
        self._used: OrderedDict[bytes, float] = OrderedDict()  # by when they were made

    def make(self, holder: Holder, now: float) -> str:
        payload = _PAYLOAD.pack(now, secrets.token_bytes(8), holder.digest[:8])
        return base64.urlsafe_b64encode(payload + self._code(payload)).decode().rstrip("=")

    def find(self, ticket: str, tokens: Tokens, now: float) -> Holder | None:
        """Whose it is; None where it is not good. Using it is what keeps it good."""
        try:
            data = base64.b64decode(ticket + "=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        payload, code = data[: _PAYLOAD.size], data[_PAYLOAD.size :]
        if not hmac.compare_digest(self._code(payload), code) or len(payload) != _PAYLOAD.size:
            return None
        made, which, prefix = _PAYLOAD.unpack(payload)
        holder = tokens.by_digest(prefix)
        if holder is None or not -FIRST_USE_S <= now - made <= GOOD_S or not self._may_use(which, made, now):
            return None
        return holder

    def _may_use(self, which: bytes, made: float, now: float) -> bool:
        if which not in self._used and made >= self._started and now - made > FIRST_USE_S:
            return False
        self._used[which] = made
        self._used.move_to_end(which)
        while len(self._used) > USED_MAX or now - next(iter(self._used.values())) > GOOD_S:
            self._used.popitem(last=False)
        return True

    def _code(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_CODE_BYTES]
