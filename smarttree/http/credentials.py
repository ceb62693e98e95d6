"""Credentials: where a request shows its token, or a ticket.

Law: in one place (RFC 6750, section 2), and no error has any of it. A token in the address counts only where that is
switched on: addresses are written to logs.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from smarttree.errors import BadParameter
from smarttree.http.params import TAKEN, Query

BEARER: Final = "bearer"
TICKET_PATHS: Final = frozenset({"/events"})
IN_QUERY: Final = "token"
HOW: Final = "send it as `Authorization: Bearer TOKEN`"


def bearer(request: web.BaseRequest) -> bytes | None:
    """The token in the header, as bytes; None where none is shown. Raises BadParameter for two headers."""
    headers = request.headers.getall("Authorization", [])
    if len(headers) > 1:
        raise BadParameter("there is more than one Authorization header: send one")
    scheme, _, secret = "".join(headers).strip().partition(" ")
    return secret.strip().encode("utf-8", "surrogateescape") if scheme.lower() == BEARER and secret.strip() else None


def refuse_in_query(request: web.BaseRequest) -> None:
    """Raises BadParameter, which tells how a token is shown."""
    if Query.raws(request, IN_QUERY):
        raise BadParameter(
            f"no token is taken in an address here, as addresses are written to logs: {HOW}; or ask for a ticket by "
            "POST /ticket; or start the server with --token-in-query"
        )


def shown(request: web.BaseRequest, *, in_query: bool) -> tuple[bytes | None, str | None]:
    """A token, or else a ticket, if there is either. Raises BadParameter where there are two."""
    if not in_query:
        refuse_in_query(request)
    tokens = [secret for secret in (bearer(request),) if secret is not None]
    tokens += [secret.encode("utf-8", "surrogateescape") for secret in Query.raws(request, IN_QUERY)]
    tickets = Query.raws(request, "ticket") if request.path in TICKET_PATHS else []
    if len(tokens) + len(tickets) > 1:
        raise BadParameter("more than one token or ticket is shown: show one, in one place (RFC 6750, section 2)")
    request[TAKEN] = IN_QUERY
    return tokens[0] if tokens else None, tickets[0] if tickets else None


def keep_private(response: web.StreamResponse) -> None:
    """Where addresses have tokens, no page hands its own on, and no cache of others keeps the answer (section 2.3)."""
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    keep_from_caches(response)


def keep_from_caches(response: web.StreamResponse) -> None:
    """From those that several people share."""
    control = response.headers.get("Cache-Control", "")
    if "no-store" not in control and "private" not in control:
        response.headers["Cache-Control"] = ", ".join(filter(None, ("private", control)))
