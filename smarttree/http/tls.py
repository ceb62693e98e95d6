"""TLS: certificates that can be replaced while connections live.

Law: a connection keeps what it was made with, the next one has the newest. Nothing older than TLS 1.2, no ciphers
without forward secrecy (RFC 9325). A certificate that can't be used changes nothing; at the start it is an error.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from math import ceil
from typing import Final

from smarttree.errors import ConfigError
from smarttree.http.followed import Followed
from smarttree.printable import printable

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class SmallBuffers(SSLProtocol):
    """asyncio's own, with a buffer of 16 KiB, which is a record, not 256: 45 KB for an idle client, in place of 290."""

    max_size = 16 * 1024
    lost: Callable[[], None]  # also where there was no handshake, of which what speaks through it hears nothing

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.lost()


class Tls:
    """`context` is for whoever comes next. `file` is followed, where the certificate is one's own."""

    def __init__(self, handshake_s: float) -> None:
        self._handshake_s = ceil(handshake_s)
        self._newest: ssl.SSLContext | None = None
        self.file: Followed | None = None
        self._outer = self._fresh()
        self._outer.sni_callback = self._choose

    @classmethod
    def of_files(cls, certificate: str, key: str, handshake_s: float) -> Tls:
        """Raises ConfigError."""
        tls = cls(handshake_s)
        tls.file = Followed([certificate, key], lambda: tls.load(certificate, key))
        return tls

    def load(self, certificate: str, key: str) -> None:
        """Use the certificates of this chain, and its key, from the next connection on. Raises ConfigError."""
        context, both = self._fresh(), f"{printable(certificate)} and {printable(key)}"
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")
        except FileNotFoundError as error:
            raise ConfigError(f"of {both} one is not there") from error
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigError(f"{both} are no certificate in PEM with its key, unencrypted: {error}") from error
        if self._newest is None:
            self._outer.load_cert_chain(certificate, key)
        self._newest = context

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _outer: ssl.SSLContext) -> None:
        if self._newest is not None:
            connection.context = self._newest

    @staticmethod
    def _fresh() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        return context

    def wrap(self, handler: asyncio.Protocol, transport: asyncio.Transport, lost: Callable[[], None]) -> None:
        """Let a connection speak to `handler` through TLS. To be called as it is made; `lost`, once it has ended."""
        loop = asyncio.get_running_loop()
        made: asyncio.Future[None] = loop.create_future()  # a handshake that fails is nobody's concern
        made.add_done_callback(lambda done: done.cancelled() or done.exception())
        within_s = self._handshake_s
        protocol = SmallBuffers(loop, handler, self._outer, made, server_side=True, ssl_handshake_timeout=within_s)
        protocol.lost = lost
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
