"""HTTPS as the settings want it: with one's own certificate, one from an authority, or one for this machine."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, nullcontext
from pathlib import Path

from smarttree.config import HttpConfig, StateConfig
from smarttree.http.challenge import answering
from smarttree.http.limits import Limits
from smarttree.http.tls import Tls

# What makes certificates takes 0.3 s to load: it is, where one is to be made.


@asynccontextmanager
async def secured(
    http: HttpConfig, state: StateConfig | None, port: int, plain: Sequence[socket.socket], limits: Limits
) -> AsyncIterator[Tls | None]:
    """What connections are wrapped in meanwhile; None: they are not. `plain`: where http-01 is answered, by `limits`.

    Raises ConfigError.
    """
    if not http.https:
        yield None
    elif http.cert is not None and http.key is not None:
        tls = Tls.of_files(http.cert, http.key, http.request_s)
        async with tls.file.followed(lambda: None) if tls.file is not None else nullcontext():
            yield tls
    elif http.domain is not None and state is not None:
        async with _from_authority(http, http.domain, _directory(state), port, plain, limits) as tls:
            yield tls
    else:
        from smarttree.http.certificate import local_certificate

        with ExitStack() as until_end:
            if state is not None:
                directory = _directory(state)
            else:
                directory = Path(until_end.enter_context(tempfile.TemporaryDirectory(prefix="smarttree-")))
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            certificate, key, fingerprint = local_certificate(directory)
            tls = Tls(http.request_s)
            tls.load(str(certificate), str(key))
            print(f"certificate for localhost, signed by nobody: SHA-256 {fingerprint}", flush=True)
            yield tls


@asynccontextmanager
async def _from_authority(
    http: HttpConfig, domain: str, directory: Path, port: int, plain: Sequence[socket.socket], limits: Limits
) -> AsyncIterator[Tls]:
    from smarttree.http.authority import Authority
    from smarttree.http.renewal import Renewal

    answers: dict[str, str] = {}
    tls = Tls(http.request_s)
    authority = Authority(directory, domain, http.acme_directory, http.acme_ca_file, answers)
    renewal = Renewal(authority, directory, tls, first_retry_s=http.acme_retry_s)
    async with answering(plain, http, limits, answers, domain, port), renewal.kept():
        yield tls


def _directory(state: StateConfig) -> Path:
    """The same for all sets of roots, where the default place is used: one certificate for a name is enough."""
    return Path(os.fsdecode(state.family or state.directory)) / "tls"
