/** The numbers of the wire that a reader needs. `spec/wire.toml` says what each is; test/wire.test.ts compares them. */

export const PROTOCOL_VERSION = 1;

export const MAGIC_SNAPSHOT = 3;
export const MAGIC_DELTA = 4;
export const MAGIC_BATCH = 5;
export const MAGIC_MANIFEST = 6;

export const FLAG_SIZES = 1;
export const FLAG_VOID_DIGEST = 2;
export const FLAG_SECTIONS = 4;

export const MASK_DELETED = 1;
export const MASK_PLACE = 2;
export const MASK_MODE = 4;
export const MASK_SIZE = 8;
export const MASK_MTIME = 16;
export const MASK_ALL = 30;

export const NAME_MAX_BYTES = 1024;
export const PATH_MAX_BYTES = 65_536;
export const DEPTH_MAX = 512;
export const ENTRIES_MAX = 50_000_000;
export const IDS_MAX = 50_000_000;
export const CHUNK_MAX_ENTRIES = 65_536;
export const NAME_COLUMNS = 5;
export const META_COLUMNS = 5;
export const ID_COLUMNS = 2;
export const RECORD_MAX_BYTES = 65_536;
export const COLUMN_MAX_BYTES = 8_388_608;
export const BODY_MAX_BYTES = 1_073_741_824;
export const WINDOW_MAX_BYTES = 8_388_608;
export const EXTENSIONS_MAX = 127;
export const SIZE_MAX_BITS = 63;
export const ENTRY_HASH_HEAD_BYTES = 36;

/** The parent of every root: the service itself. */
export const SERVICE = 0;

/** Whether a mode is a directory's. */
export function isDirectory(mode: number): boolean {
  return (mode & 0xf000) === 0x4000;
}
