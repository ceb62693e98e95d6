"""A name on a disk may hold any byte but `/` and NUL; what is shown of it must never drive a terminal or break a line.

`printable` is unambiguous: different names give different texts, because the backslash is escaped too. `name_fields` is
the same for JSON.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED_BYTE: Final = 0xDC00  # what surrogateescape adds to a byte that is not UTF-8


def printable(name: bytes | str) -> str:
    """Text for a person: bytes that are no UTF-8 as `\\xNN`, characters that cannot be seen as `\\uNNNN`.

    That takes out control characters (C1 ones too), line ends, and the invisible marks that reorder text.
    A str is taken as the operating system gives it (with surrogate escapes).
    """
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(char if char.isprintable() and char != "\\" else _escape(char) for char in text)


def name_fields(field: str, name: bytes) -> dict[str, str]:
    """A name or path as JSON fields: where it is not UTF-8, its bytes are in a second field."""
    try:
        return {field: name.decode()}
    except UnicodeDecodeError:
        return {field: name.decode("utf-8", "replace"), f"{field}_b64": b64encode(name).decode()}


def _escape(char: str) -> str:
    number = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if number < 0x80:
        return f"\\x{number:02x}"
    if _ESCAPED_BYTE + 0x80 <= number <= _ESCAPED_BYTE + 0xFF:
        return f"\\x{number - _ESCAPED_BYTE:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
