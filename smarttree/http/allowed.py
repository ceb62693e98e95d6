"""The allowlist: the networks that may connect now, from the settings and from a file that may change meanwhile."""

from __future__ import annotations

from typing import Final

from smarttree.config import Network
from smarttree.errors import ConfigError
from smarttree.http.addresses import read_network
from smarttree.http.followed import Followed, read_file
from smarttree.printable import printable

NETWORKS_MAX: Final = 1_000  # each is looked at for a connection


def parse(text: str) -> list[Network]:
    """A network or an address a line; `#` begins a comment. Raises ValueError."""
    networks = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        try:
            networks += [read_network(word)] if word else []
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    if len(networks) > NETWORKS_MAX:
        raise ValueError(f"there are more than {NETWORKS_MAX} networks")
    return networks


class Allowlist:
    """`networks` are those of now, none where everyone may connect; `file` is followed, where there is one."""

    def __init__(self, given: tuple[Network, ...], file: str | None) -> None:
        """Raises ConfigError."""
        self._given, self._path = given, file
        self.networks = given
        self.file = Followed([file], self._read) if file is not None else None

    def _read(self) -> None:
        path = self._path or ""
        text, shown = read_file(path, "allowlist"), printable(path)
        try:
            networks = parse(text)
        except ValueError as error:
            raise ConfigError(f"{shown}: {error}") from error
        if not networks:  # as it is while an editor writes it; and nobody means by a file that everyone may
            raise ConfigError(f"{shown} has no network in it; 127.0.0.1 alone lets this machine in and nobody else")
        self.networks = (*self._given, *networks)
