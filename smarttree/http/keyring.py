"""The keyring: the tokens that are good now, from the settings and from a file that may change meanwhile."""

from __future__ import annotations

from smarttree.errors import ConfigError
from smarttree.http.followed import Followed, read_file
from smarttree.http.tokens import Tokens, one_for_all, parse
from smarttree.printable import printable


class Keyring:
    """`tokens` are those of now; `file` is followed, where there is one."""

    def __init__(self, token: str | None, file: str | None) -> None:
        """Raises ConfigError."""
        self._given = [one_for_all(token)] if token is not None else []
        self._path = file
        self.tokens = Tokens(self._given)
        self.file = Followed([file], self._read) if file is not None else None

    def _read(self) -> None:
        path = self._path or ""
        text, shown = read_file(path, "token file"), printable(path)
        try:
            tokens = Tokens([*self._given, *parse(text)])
        except ValueError as error:
            raise ConfigError(f"{shown}: {error}") from error
        if not tokens:  # without any, everyone could read: nobody means that by a file
            raise ConfigError(f"{shown} has no token in it, so nobody could read anything")
        self.tokens = tokens
