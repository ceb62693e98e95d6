"""The settings that say who may read: a part of the table in `options.py`."""

from __future__ import annotations

from typing import Final

from smarttree.cli import values
from smarttree.cli.option import Group, Option, Scope

SECURITY: Final = (
    Option(
        name="auth-token",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_secret,
        metavar="TOKEN",
        targets=("http.auth_token",),
        help="answer only who sends `Authorization: Bearer TOKEN`; on the command line every user of this machine can "
        "read it: better give it as SMARTTREE_AUTH_TOKEN, or in a file",
    ),
    Option(
        name="auth-token-file",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="FILE",
        targets=("http.auth_token_file",),
        help="the same for each line of a file, `NAME SCOPES TOKEN`; the scopes are read, and watch (to change what is "
        "served); in the place of a token may stand sha256: and its hash. Followed while it runs: whoever's line goes "
        "is sent away",
    ),
    Option(
        name="allow",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_network,
        metavar="NETWORK",
        many=True,
        targets=("http.allow",),
        help="listen on all addresses of this machine, and answer these networks and the machine itself: "
        "'192.168.1.0/24,10.0.0.0/8'",
    ),
    Option(
        name="trusted-proxy",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_network,
        metavar="NETWORK",
        many=True,
        targets=("http.trusted_proxies",),
        help="believe what these proxies say in X-Forwarded-For or Forwarded about who they speak for",
    ),
    Option(
        name="trusted-host",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_name,
        metavar="NAME",
        many=True,
        targets=("http.trusted_hosts",),
        help="a name by which this server may be called, where there is no token; any other but localhost, its own and "
        "an address is refused, as a page of another site could use it",
    ),
)
