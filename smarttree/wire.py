"""The numbers of the wire, each written once. `spec/QTN1.md` and `spec/HTTP.md` explain them."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = 1
DEFAULT_PORT: Final = 8973
MEDIA_TYPE_QTN: Final = "application/vnd.smarttree.qtn1"

MAGIC_SNAPSHOT: Final = b"\x01\x02\x03"
MAGIC_DELTA: Final = b"\x01\x02\x04"
MAGIC_BATCH: Final = b"\x01\x02\x05"
PREFIX_SNAPSHOT: Final = "QTN1:"
PREFIX_DELTA: Final = "QTN1:DELTA:"
PREFIX_BATCH: Final = "QTN1:BATCH:"

FLAG_ZSTD: Final = 1
FLAG_VOID_DIGEST: Final = 2

MASK_DELETED: Final = 1
MASK_PLACE: Final = 2
MASK_MODE: Final = 4
MASK_SIZE: Final = 8
MASK_MTIME: Final = 16
MASK_ALL: Final = MASK_PLACE | MASK_MODE | MASK_SIZE | MASK_MTIME

NAME_MAX_BYTES: Final = 1024
PATH_MAX_BYTES: Final = 65_536
DEPTH_MAX: Final = 512
CHUNK_MAX_ENTRIES: Final = 65_536
CHUNK_ENTRIES: Final = 16_384  # what our encoder cuts at: larger saves 3 % of size, smaller costs it
COLUMN_MAX_BYTES: Final = 8 << 20
WINDOW_MAX_BYTES: Final = 8 << 20
BODY_MAX_BYTES: Final = 1 << 30
ENTRIES_MAX: Final = 50_000_000
CHUNK_COLUMNS: Final = 11
ZSTD_LEVEL: Final = 3
