"""What the endpoints share: the keys under which the application holds the service, the hub and the settings."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from smarttree.config import HttpConfig
from smarttree.http.groups import Groups
from smarttree.service import Service
from smarttree.stream.hub import Hub

SERVICE: Final = web.AppKey("service", Service)
HUB: Final = web.AppKey("hub", Hub)
CONFIG: Final = web.AppKey("config", HttpConfig)
GROUPS: Final = web.AppKey("groups", Groups)
