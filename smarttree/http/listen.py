"""The sockets to listen on, opened before anything else: a port in use is found out before a long scan begins."""

from __future__ import annotations

import errno
import socket
from typing import Final

from smarttree.errors import ConfigError, PortInUse, SmarttreeError

LOOPBACK: Final = ("127.0.0.1", "::1")
BACKLOG: Final = 1024
_PORT_TRIES: Final = 16
# What a machine without IPv6 says when asked for it.
_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


def open_sockets(host: str | None, port: int, *, everywhere: bool = False) -> list[socket.socket]:
    """Listening sockets, all on one port; port 0 takes a free one. Without `host`: loopback, both families, or
    `everywhere`: all addresses of the machine.

    Raises PortInUse or ConfigError.
    """
    if host is not None:
        return _open_all(_addresses(host, port), port)
    if everywhere:
        try:
            return [_open(socket.AF_INET6, ("::", port))]
        except OSError as error:
            if error.errno not in _NO_SUCH_ADDRESS:
                raise _told(error, "::", port) from error
            return _open_all([(socket.AF_INET, ("0.0.0.0", port))], port)  # nosec B104  # asked for
    for tries_left in reversed(range(_PORT_TRIES)):
        [first] = _open_all([(socket.AF_INET, (LOOPBACK[0], port))], port)
        chosen = first.getsockname()[1]
        try:
            return [first, _open(socket.AF_INET6, (LOOPBACK[1], chosen))]
        except OSError as error:
            if error.errno in _NO_SUCH_ADDRESS:
                return [first]
            first.close()
            if port != 0 or tries_left == 0:
                raise _told(error, LOOPBACK[1], chosen) from error
    raise AssertionError("the last try returns or raises")


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ConfigError(f"--host {host} is no address of this machine: {error.strerror}") from error
    return list(dict.fromkeys((family, (str(address[0]), port)) for family, _, _, _, address in found))


def _open_all(addresses: list[tuple[socket.AddressFamily, tuple[str, int]]], port: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    for family, (host, _) in addresses:
        try:
            opened.append(_open(family, (host, port)))
        except OSError as error:
            for each in opened:
                each.close()
            raise _told(error, host, port) from error
        port = opened[0].getsockname()[1]
    return opened


def _open(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _told(error: OSError, host: str, port: int) -> SmarttreeError:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"port {port} is in use on {host}; choose another with --port, or 0 for any that is free")
    if error.errno == errno.EACCES:
        return ConfigError(f"port {port} needs privileges; choose one from 1024 up with --port")
    return ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; see --host and --port")


def address_of(host: str | None, port: int, *, https: bool = False) -> str:
    """Where a person finds it, as a URL."""
    name = "localhost" if host is None else f"[{host}]" if ":" in host else host
    return f"http{'s' * https}://{name}:{port}"
