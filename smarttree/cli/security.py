"""The settings that say who may read: a part of the table in `options.py`."""

from __future__ import annotations

from typing import Final

from smarttree.cli import values
from smarttree.cli.option import Group, Option, Scope
from smarttree.http.addresses import read_network

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
        name="token-in-query",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        targets=("http.token_in_query",),
        help="take a token as `?token=TOKEN` too, for clients that can set no header. Proxies write addresses to their "
        "logs, and browsers to their history: for a page, POST /ticket is better",
    ),
    Option(
        name="allow",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=read_network,
        metavar="NETWORK",
        many=True,
        targets=("http.allow",),
        help="listen on all addresses of this machine, and answer these networks and the machine itself: "
        "'192.168.1.0/24,10.0.0.0/8'",
    ),
    Option(
        name="allow-file",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="FILE",
        targets=("http.allow_file",),
        help="the same for each line of a file; # begins a comment. Followed while it runs: whoever is in it no longer "
        "is sent away",
    ),
    Option(
        name="trusted-proxy",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=read_network,
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
    Option(
        name="https",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        targets=("http.https",),
        help="speak TLS on --port: with --cert and --key, with --domain, or, without either, with a certificate for "
        "localhost that nobody has signed, whose fingerprint is printed",
    ),
    Option(
        name="cert",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="FILE",
        targets=("http.cert",),
        help="with --https, this certificate, and those that lead to its authority, in PEM; read again when it changes",
    ),
    Option(
        name="key",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="FILE",
        targets=("http.key",),
        help="its key, in PEM, unencrypted",
    ),
    Option(
        name="domain",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_name,
        metavar="NAME",
        targets=("http.domain",),
        help="with --https, get a certificate for this name by ACME, and renew it: port 80 of the name must lead here. "
        "Listens on all addresses; without --auth-token or --allow a token is made, and printed",
    ),
    Option(
        name="acme-directory",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="URL",
        targets=("http.acme_directory",),
        help="the authority that signs it",
    ),
    Option(
        name="acme-ca-file",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_text,
        metavar="FILE",
        targets=("http.acme_ca_file",),
        help="whom to trust about that authority's own certificate, in the place of what the system trusts",
    ),
    Option(
        name="acme-http-port",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_whole(1, 65_535),
        metavar="PORT",
        targets=("http.acme_http_port",),
        help="where its questions are answered; others are sent on to HTTPS",
    ),
    Option(
        name="acme-retry-s",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_seconds(0.1, 86_400.0),
        metavar="SECONDS",
        targets=("http.acme_retry_s",),
        help="ask again so long after it has refused; then after twice that, up to six hours",
    ),
    Option(
        name="user",
        group=Group.SECURITY,
        scope=Scope.SERVE,
        read=values.read_account,
        metavar="NAME[:GROUP]",
        targets=("http.user",),
        help="once the ports are open, be this user for good, with no capability; tokens, keys, the state and what is "
        "served are read as that user. For fanotify a small process keeps CAP_SYS_ADMIN, and does nothing but mark "
        "file systems below PATH",
    ),
)
