"""Endpoints that are promised and not built: each answers so, by name, instead of being taken for a typing error."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from smarttree.http.errors import problem

LATER: Final = (("GET", "/"),)


async def answer_later(request: web.Request) -> web.StreamResponse:
    resource = request.match_info.route.resource
    name = resource.canonical if resource is not None else request.path
    detail = f"{request.method} {name} is not available yet; /events, /tree, /stats and /clock are"
    return problem(501, "not-available-yet", detail)
