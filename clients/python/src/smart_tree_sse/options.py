"""What a caller may set, checked once.

Law: all are bounds or secrets with a default; the token is in no repr and no error.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from .batches import MAX_BATCH_BYTES
from .sse import MAX_EVENT_BYTES
from .waiting import RETRY_MAX_S

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`token` is sent as `Authorization: Bearer`; `ca_file` holds the certificates to trust, in the place of the
    system's. `request_timeout_s` is for a whole call, `silence_s` for a stream that brings nothing: then it is made
    anew. `retry_max_s` bounds the wait before that."""

    token: str | None = field(default=None, repr=False)
    ca_file: str | Path | None = None
    request_timeout_s: float = 30.0
    silence_s: float = 45.0
    retry_max_s: float = RETRY_MAX_S
    max_event_bytes: int = MAX_EVENT_BYTES
    max_batch_bytes: int = MAX_BATCH_BYTES

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise ValueError("the token must be printable ASCII, without a line end")

    def tls(self) -> ssl.SSLContext | bool:
        """For aiohttp: True is the system's own trust."""
        return True if self.ca_file is None else ssl.create_default_context(cafile=str(self.ca_file))
