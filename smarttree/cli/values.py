"""From the text that a person wrote to a value, for each kind of setting. Raises ValueError with what is wrong and
what would be right; who asks adds where it stood (a flag, a variable, a key in a file).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, TypeVar

from smarttree.config import Account
from smarttree.ignore import GLOB_BYTES_MAX

_BYTES: Final = re.compile(r"(\d{1,18})\s*([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_SHIFT: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#,@]+", re.ASCII | re.IGNORECASE)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})

Number = TypeVar("Number", int, float)


def read_switch(text: str) -> bool:
    """`1`, `true`, `yes`, `on`, or their opposites."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false: use 1 or 0")


def read_whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII):
            raise ValueError(f"{text!r} is not a whole number")
        return _within(int(text), low, high, text)

    return read


def read_seconds(low: float, high: float) -> Callable[[str], float]:
    """A reader of seconds, with a decimal point where wanted."""

    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number of seconds") from None
        if not math.isfinite(seconds):
            raise ValueError(f"{text!r} is not a number of seconds")
        return _within(seconds, low, high, text)

    return read


def read_bytes(low: int, high: int) -> Callable[[str], int]:
    """A reader of sizes: a number of bytes, or with K, M, G or T (powers of 1024)."""

    def read(text: str) -> int:
        match = _BYTES.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a size: use a number of bytes, or 64K, 256M, 1G")
        return _within(int(match[1]) << _SHIFT[match[2].upper()], low, high, text)

    return read


def read_text(text: str) -> str:
    """Any text but none."""
    if not text.strip():
        raise ValueError("it is empty")
    return text


def read_secret(text: str) -> str:
    """A token, of which the message of an error has nothing."""
    secret = text.strip()
    if not secret or any(sign.isspace() for sign in secret):
        raise ValueError("a token has no spaces and is not empty; `openssl rand -hex 32` makes a good one")
    return secret


def read_word(*words: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return word

    return read


def read_host(text: str) -> str:
    """An address or a host's name; an IPv6 address may stand in brackets, as in a URL."""
    host = read_text(text).strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not re.fullmatch(r"[\w.:%-]+", host):
        raise ValueError(f"{text!r} is no address: use one like 192.168.1.5, :: or a host's name, without a port")
    if host.count(":") == 1:
        raise ValueError(f"{text!r} has a port in it: give that by --port")
    return host


def read_origin(text: str) -> str:
    """An origin as a browser sends it (scheme, host, port if not the usual), or `*` for any."""
    origin = text.strip()
    if origin == "*":
        return origin
    origin = origin.removesuffix("/")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{text!r} is no origin: use one like https://app.example.com (no path), or * for any")
    return origin.lower()


def read_name(text: str) -> str:
    """A host's name, without a port."""
    name = read_host(text).lower().rstrip(".")
    if ":" in name or "/" in name:
        raise ValueError(f"{text!r} is no name of a host")
    return name


def read_account(text: str) -> Account:
    """`NAME` or `NAME:GROUP`, or their numbers; a number that nobody has needs a group's. Nobody who is root."""
    import grp
    import pwd

    user, _, group = text.strip().partition(":")
    try:
        known = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        known = None
    if known is None and not (user.isdecimal() and group):
        raise ValueError(f"there is no user {user!r}; `useradd --system {user or 'smarttree'}` makes one")
    try:
        gid = known.pw_gid if known and not group else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {group!r}") from None
    uid = known.pw_uid if known else int(user)
    if uid == 0:
        raise ValueError(f"{user} is root: to be that gives nothing up")
    groups = tuple(os.getgrouplist(known.pw_name, gid)) if known else (gid,)
    return Account(
        name=known.pw_name if known else user, uid=uid, gid=gid, groups=groups, home=known.pw_dir if known else ""
    )


def read_glob(text: str) -> bytes:
    """A line of a rule file, without its end."""
    glob = text.removesuffix("\r").encode(errors="surrogateescape")
    if glob.startswith(b"!"):
        raise ValueError(f"{text!r} begins with !: use --include for what is to come back; a name that does is \\!x")
    if len(glob) > GLOB_BYTES_MAX:
        raise ValueError(f"a glob has at most {GLOB_BYTES_MAX} bytes")
    return glob


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only. Other names than `localhost` are taken as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _within(value: Number, low: Number, high: Number, text: str) -> Number:
    if not low <= value <= high:
        raise ValueError(f"{text} is out of range: it may be {low} to {high}")
    return value
