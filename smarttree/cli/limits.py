"""The settings that say how much anyone may have: a part of the table in `options.py`.

What is said of an address holds for every one but this machine's own; for IPv6, of a /64.
"""

from __future__ import annotations

from typing import Final

from smarttree.cli import values
from smarttree.cli.option import Group, Option, Scope

_COUNT: Final = values.read_whole(1, 1_000_000)
_SECONDS: Final = values.read_seconds(0.1, 3600.0)

LIMITS: Final = (
    Option(
        name="max-connections",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_COUNT,
        metavar="N",
        targets=("http.max_connections",),
        help="streams open at the same time; one more is told to come back later. As many connections, and a thousand "
        "for all else; one more is cut off",
    ),
    Option(
        name="max-address-connections",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_COUNT,
        metavar="N",
        targets=("http.max_address_connections",),
        help="connections of one address (of one /64 of IPv6); one more is cut off. This and the next two do not count "
        "this machine's own, and of a --trusted-proxy whom it speaks for, in the place of its connections",
    ),
    Option(
        name="max-address-streams",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_COUNT,
        metavar="N",
        targets=("http.max_address_streams",),
        help="streams of one address, where there are no tokens; one more is told to come back later",
    ),
    Option(
        name="max-request-rate",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_COUNT,
        metavar="N",
        targets=("http.max_request_rate",),
        help="requests of one address in a second, and ten times as many at once; one more is a 429 that tells how "
        "long to wait, or for a stream a word to come back then",
    ),
    Option(
        name="max-token-streams",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_COUNT,
        metavar="N",
        targets=("http.max_token_streams",),
        help="streams of one token, wherever they come from; one more is told to come back later",
    ),
    Option(
        name="max-body-bytes",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=values.read_bytes(1024, 1 << 20),
        metavar="BYTES",
        targets=("http.max_body_bytes",),
        help="the body of a request; a larger one is a 413",
    ),
    Option(
        name="max-searches",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=values.read_whole(1, 64),
        metavar="N",
        targets=("http.max_searches",),
        help="searches at a time, of which an address, or a token, has one less; one more is a 503",
    ),
    Option(
        name="max-roots",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=values.read_whole(1, 10_000),
        metavar="N",
        targets=("service.max_roots",),
        help="roots, where clients may add some; one more is a 409",
    ),
    Option(
        name="request-s",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_SECONDS,
        metavar="SECONDS",
        targets=("http.request_s",),
        help="how long a request's head, its body, and a TLS handshake may each take",
    ),
    Option(
        name="idle-s",
        group=Group.LIMITS,
        scope=Scope.SERVE,
        read=_SECONDS,
        metavar="SECONDS",
        targets=("http.idle_s",),
        help="how long a connection is kept for its next request; behind a proxy, longer than that keeps it",
    ),
)
