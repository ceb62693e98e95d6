"""Tree to QTN1 bytes and back: headers, checks, compression. The only caller of the kernels and of zstandard.

Everything here is a pure function of its arguments; spec/QTN1.md is the format, `smarttree.qtn` the face for others.
"""

from __future__ import annotations

from smarttree._records import Records
from smarttree.codec.changes import (
    BatchBody,
    apply,
    compact,
    decode_batch,
    decode_delta,
    diff,
    encode_batch,
    encode_delta,
    lead_on,
    with_epoch,
)
from smarttree.codec.parts import Group, Manifest, Parts, Reference, address, assemble, decode_manifest, encode_parts
from smarttree.codec.pooling import pool_of
from smarttree.codec.snapshot import Snapshot, decode_below, decode_snapshot, encode_snapshot
from smarttree.codec.text import from_text, to_text

__all__ = [
    "BatchBody",
    "Group",
    "Manifest",
    "Parts",
    "Records",
    "Reference",
    "Snapshot",
    "address",
    "apply",
    "assemble",
    "compact",
    "decode_batch",
    "decode_below",
    "decode_delta",
    "decode_manifest",
    "decode_snapshot",
    "diff",
    "encode_batch",
    "encode_delta",
    "encode_parts",
    "encode_snapshot",
    "from_text",
    "lead_on",
    "pool_of",
    "to_text",
    "with_epoch",
]
