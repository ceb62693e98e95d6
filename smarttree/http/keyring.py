"""The keyring: the tokens that are good now, from the settings and from a file that may change meanwhile."""

from __future__ import annotations

from typing import Final

from smarttree.errors import ConfigError
from smarttree.http.followed import Followed
from smarttree.http.tokens import Tokens, one_for_all, parse
from smarttree.printable import printable

FILE_BYTES_MAX: Final = 1 << 20


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
        shown = printable(path)
        try:
            with open(path, "rb") as opened:
                data = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise ConfigError(f"cannot read the token file {shown}: {error.strerror}") from error
        if len(data) > FILE_BYTES_MAX:
            raise ConfigError(f"the token file {shown} has more than {FILE_BYTES_MAX >> 20} MiB")
        try:
            tokens = Tokens([*self._given, *parse(data.decode())])
        except ValueError as error:
            raise ConfigError(f"{shown}: {error}") from error
        if not tokens:  # without any, everyone could read: nobody means that by a file
            raise ConfigError(f"{shown} has no token in it, so nobody could read anything")
        self.tokens = tokens
