"""The text forms of QTN1 documents: a prefix that says which kind it is, and base64."""

from __future__ import annotations

import base64
import binascii

from smarttree import wire
from smarttree.errors import QtnError

_MAGIC = {  # by text prefix; the one that begins the others stands last
    wire.PREFIX_DELTA: wire.MAGIC_DELTA,
    wire.PREFIX_BATCH: wire.MAGIC_BATCH,
    wire.PREFIX_MANIFEST: wire.MAGIC_MANIFEST,
    wire.PREFIX_SNAPSHOT: wire.MAGIC_SNAPSHOT,
}


def to_text(prefix: str, data: bytes) -> str:
    """The text form: one of `wire.PREFIX_…`, and base64."""
    return prefix + base64.b64encode(data).decode("ascii")


def from_text(text: str) -> bytes:
    """The bytes of a text form of any kind. Raises QtnError."""
    for prefix, magic in _MAGIC.items():
        if text.startswith(prefix):
            try:
                data = base64.b64decode(text[len(prefix) :], validate=True)
            except (binascii.Error, ValueError) as error:
                raise QtnError("base64", len(prefix)) from error
            if base64.b64encode(data).decode("ascii") != text[len(prefix) :]:
                raise QtnError("base64", len(prefix))
            if data[:3] != magic:
                raise QtnError("text-prefix", 0)
            return data
    raise QtnError("text-prefix", 0)
