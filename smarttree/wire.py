"""The numbers of the wire. Made from spec/wire.toml, which says what each is; don't edit: `make wire`."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = 1
DEFAULT_PORT: Final = 8973
MEDIA_TYPE_QTN: Final = "application/vnd.smarttree.qtn1"

MAGIC_SNAPSHOT: Final = b"\x01\x02\x03"
MAGIC_DELTA: Final = b"\x01\x02\x04"
MAGIC_BATCH: Final = b"\x01\x02\x05"
MAGIC_MANIFEST: Final = b"\x01\x02\x06"
PREFIX_SNAPSHOT: Final = "QTN1:"
PREFIX_DELTA: Final = "QTN1:DELTA:"
PREFIX_BATCH: Final = "QTN1:BATCH:"
PREFIX_MANIFEST: Final = "QTN1:MANIFEST:"

FLAG_SIZES: Final = 1
FLAG_VOID_DIGEST: Final = 2
FLAG_SECTIONS: Final = 4

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
CHUNK_COLUMNS: Final = 12
NAME_COLUMNS: Final = 5
META_COLUMNS: Final = 5
ID_COLUMNS: Final = 2
RECORD_COLUMNS: Final = 10
RECORD_MAX_BYTES: Final = 65_536
COLUMN_MAX_BYTES: Final = 8_388_608
BODY_MAX_BYTES: Final = 1_073_741_824
WINDOW_MAX_BYTES: Final = 8_388_608
EXTENSIONS_MAX: Final = 127
SIZE_MAX_BITS: Final = 63

PREFIX_MAX_BYTES: Final = 255
CHUNK_MIN_ENTRIES: Final = 8192
CHUNK_END_ENTRIES: Final = 32_768
CHUNK_END_BYTES: Final = 4_194_304
CUT_DIRECTORY: Final = 512
CUT_ENTRY: Final = 16_384
EXTENSION_MAX_BYTES: Final = 16
COMPRESS_MIN_BYTES: Final = 24
SIZES_MIN_BYTES: Final = 96
ZSTD_LEVEL: Final = 3

ENTRY_HASH_HEAD_BYTES: Final = 36

ERRORS: Final = {
    "text-prefix": "no text form of QTN1, or not of the kind of document that follows",
    "base64": "not base64 in its one form",
    "truncated": "cut off",
    "magic": "not the kind of document expected",
    "unknown-version": "flags of a later version",
    "check": "the check does not match: damaged or cut off",
    "section": "sections out of order, or a critical one that is not known",
    "bytes-left-over": "bytes left over",
    "varint-too-long": "a number of more than 64 bits",
    "varint-not-shortest": "a number not in its shortest form",
    "column-too-large": "a column of more bytes than allowed",
    "column-size": "a column that is larger packed than unpacked",
    "zstd": "not one whole zstd frame",
    "zstd-size": "a zstd frame of another size than announced",
    "zstd-header": "a zstd frame with a dictionary or with too large a window",
    "id-range": "an id that is out of bounds",
    "top-entry": "the top entry is no directory with an absolute path",
    "path-too-long": "a path of 65,536 bytes or more",
    "mode": "a mode of more than 16 bits, or without a type",
    "digest": "the digest does not match the entries",
    "too-many-entries": "more entries than allowed",
    "child-counts": "child counts that do not add up",
    "chunk-count": "more chunks than entries",
    "chunk-size": "a chunk of no entries, or of more than are to come",
    "entry-count": "fewer entries than announced",
    "below-counts": "a count below a directory that is not what is there",
    "name-prefix": "a prefix longer than the name before",
    "name": "what is no name: empty, too long, with a slash, or . or ..",
    "extensions": "more than 127 extensions, or one that is none",
    "extension-id": "an extension that is not in the table",
    "mode-table": "a table of modes too long or not in ascending order",
    "mode-index": "a mode that is not in the table",
    "size-width": "a size of more than 63 bits",
    "size-padding": "bits left over behind the sizes",
    "directory-size": "a directory with a size",
    "time-table": "a table of times too long or not in ascending order",
    "time-index": "a time that is not in the table",
    "id-runs": "runs of ids that do not fit the entries",
    "id-twice": "an id given twice",
    "order": "siblings not in ascending order",
    "too-deep": "deeper than 512 levels",
    "address": "a group that is not what its address says",
    "too-many-records": "more records than allowed",
    "mask": "a mask that says nothing known",
    "clock": "a batch that leads nowhere",
    "void-digest": "a void digest that is not zero",
    "empty-delta": "a delta without a record",
    "incomplete-record": "a record for an entry that is not held",
    "type-turned": "an entry that turns from directory to another type, or back",
    "parent": "a parent, or a root, that is no directory",
    "name-twice": "two siblings of one name",
    "below-itself": "an entry below itself",
    "below-deleted": "a record for an entry that is deleted with its directory",
}
