"""What `smarttree.printable.printable` has done, undone: the bytes that a text stands for."""

from __future__ import annotations


def undone(text: str) -> bytes:
    """The bytes that a printable text stands for."""
    short = {"\\": b"\\", "n": b"\n", "r": b"\r", "t": b"\t"}
    widths = {"x": 2, "u": 4, "U": 8}
    out, at = bytearray(), 0
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        if char != "\\":
            out += char.encode()
            at += 1
        elif following in short:
            out += short[following]
            at += 2
        else:
            end = at + 2 + widths[following]
            number = int(text[at + 2 : end], 16)
            out += bytes([number]) if following == "x" else chr(number).encode()
            at = end
    return bytes(out)
