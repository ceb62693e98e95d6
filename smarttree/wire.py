"""The numbers of the wire. Made from spec/wire.toml, which says what each is; don't edit: `make wire`."""

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
MASK_ALL: Final = 30

NAME_MAX_BYTES: Final = 1024
PATH_MAX_BYTES: Final = 65_536
DEPTH_MAX: Final = 512
ENTRIES_MAX: Final = 50_000_000
IDS_MAX: Final = 50_000_000
CHUNK_MAX_ENTRIES: Final = 65_536
CHUNK_COLUMNS: Final = 11
COLUMN_MAX_BYTES: Final = 8_388_608
WINDOW_MAX_BYTES: Final = 8_388_608
BODY_MAX_BYTES: Final = 1_073_741_824
PREFIX_MAX_BYTES: Final = 255
EXTENSIONS_MAX: Final = 127
SIZE_MAX_BITS: Final = 63

CHUNK_ENTRIES: Final = 16_384
EXTENSION_MAX_BYTES: Final = 16
COMPRESS_MIN_BYTES: Final = 24
ZSTD_LEVEL: Final = 3

ENTRY_HASH_HEAD_BYTES: Final = 36
