/**
 * An entry as an object, made when one is asked for; and names as strings of bytes.
 *
 * Law: a name is bytes. Within the library it is a *byte string*, one letter from U+0000 to U+00FF for each byte: such
 * strings compare and sort as their bytes do, and are keys of a Map. For people it is read as UTF-8.
 */

import { isDirectory } from './wire.js';

const PIECE = 8192; // letters made by one call

/** The byte string of these bytes. */
export function byteString(bytes: Uint8Array): string {
  if (bytes.length <= PIECE) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) text += byteString(bytes.subarray(at, at + PIECE));
  return text;
}

/** The bytes of a byte string. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** A byte string for people: U+FFFD stands for what is no UTF-8. */
export function readable(text: string): string {
  return utf8.decode(bytesOf(text));
}

/** The byte string of a text. */
export function utf8ByteString(text: string): string {
  return byteString(encoder.encode(text));
}

/** A path and what is below it by that name, as byte strings. */
export function below(path: string, name: string): string {
  return path.endsWith('/') ? path + name : `${path}/${name}`;
}

/** What an entry is. */
export type Kind = 'file' | 'dir' | 'symlink' | 'other';

/** One entry of a tree. It never changes: after a change there is another one with the same id. */
export class Entry {
  constructor(
    /** Stable within an epoch. */
    readonly id: number,
    /** The id of the directory that it is in; 0 for a root. */
    readonly parent: number,
    /** Its name as a byte string; of a root, its absolute path. */
    readonly nameKey: string,
    /** `st_mode`: type and permissions. */
    readonly mode: number,
    /** Bytes; 0 for a directory. */
    readonly size: bigint,
    /** Nanoseconds since 1970. */
    readonly mtimeNs: bigint,
    /** Of a directory, the digest of all that is below it. */
    readonly digest: bigint,
  ) {}

  /** Its name, U+FFFD where that is no UTF-8. */
  get name(): string {
    return readable(this.nameKey);
  }

  /** Its name as it is. */
  get nameBytes(): Uint8Array {
    return bytesOf(this.nameKey);
  }

  get isDirectory(): boolean {
    return isDirectory(this.mode);
  }

  get kind(): Kind {
    const type = this.mode & 0xf000;
    if (type === 0x4000) return 'dir';
    if (type === 0x8000) return 'file';
    return type === 0xa000 ? 'symlink' : 'other';
  }

  /** When its content was written, as exact as a Date can be. */
  get mtime(): Date {
    return new Date(Number(this.mtimeNs / 1_000_000n));
  }

  /** The same entry with some other values. */
  with(values: Partial<Pick<Entry, 'parent' | 'nameKey' | 'mode' | 'size' | 'mtimeNs' | 'digest'>>): Entry {
    const { parent, nameKey, mode, size, mtimeNs, digest } = { ...this, ...values };
    return new Entry(this.id, parent, nameKey, mode, size, mtimeNs, digest);
  }
}
