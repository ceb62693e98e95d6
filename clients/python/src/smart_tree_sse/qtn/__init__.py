"""QTN1: decoders of snapshots, manifests, batches and deltas, and the digest. Pure: bytes in, values out.

Law: what a document gets wrong is a `QtnError`, and nothing else; what comes out has passed every check of the format.
"""

from .manifest import Manifest, assemble, decode_manifest, groups_of
from .records import Batch, Delta, Record, Records, decode_batch, decode_delta
from .snapshot import Header, Snapshot, decode_snapshot
from .text import Document, decode, decompress, from_text

__all__ = [
    "Batch", "Delta", "Document", "Header", "Manifest", "Record", "Records", "Snapshot", "assemble", "decode",
    "decode_batch", "decode_delta", "decode_manifest", "decode_snapshot", "decompress", "from_text", "groups_of",
]  # fmt: skip
