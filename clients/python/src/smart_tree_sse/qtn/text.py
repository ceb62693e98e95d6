"""QTN1, the text forms: what stands in an event, and the document in it.

Law: one document has one text; whatever else could mean it is refused.
"""

from __future__ import annotations

import base64

from ..errors import QtnError
from .manifest import Manifest, decode_manifest
from .records import Batch, Delta, decode_batch, decode_delta
from .snapshot import Snapshot, decode_snapshot

__all__ = ["Document", "decode", "decompress", "from_text"]

Document = Snapshot | Delta | Batch | Manifest

# "QTN1:" begins them all, so it stands last.
MAGICS = {"QTN1:DELTA:": b"\1\2\4", "QTN1:BATCH:": b"\1\2\5", "QTN1:MANIFEST:": b"\1\2\6", "QTN1:": b"\1\2\3"}


def from_text(text: str) -> bytes:
    """The document of a text form, as bytes."""
    prefix = next((prefix for prefix in MAGICS if text.startswith(prefix)), None)
    if prefix is None:
        raise QtnError("text-prefix", 0)
    body = text[len(prefix) :]
    try:
        document = base64.b64decode(body, validate=True)
    except ValueError:  # also for a text that is not ASCII
        raise QtnError("base64", len(prefix)) from None
    if base64.b64encode(document).decode("ascii") != body:  # bits left over
        raise QtnError("base64", len(prefix))
    if document[:3] != MAGICS[prefix]:
        raise QtnError("text-prefix", 0)
    return document


def decode(document: bytes) -> Document:
    """What a document of any kind says."""
    match document[:3]:
        case b"\1\2\3":
            return decode_snapshot(document)
        case b"\1\2\4":
            return decode_delta(document)
        case b"\1\2\5":
            return decode_batch(document)
        case b"\1\2\6":
            return decode_manifest(document)
        case _:
            raise QtnError("magic" if len(document) > 2 else "truncated", 0)


def decompress(text: str) -> Document:
    """What a text form says: a whole tree, its manifest, one change, or every change between two clocks."""
    return decode(from_text(text))
