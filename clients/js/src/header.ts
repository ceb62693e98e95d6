/**
 * How a document begins and ends: magic, flags, check, sections; and the header of snapshot and manifest (QTN1.md, 3 and 7).
 *
 * Law: nothing behind the flags is looked at before the check has matched.
 */

import { Cursor } from './cursor.js';
import { QtnError } from './errors.js';
import { xxh64 } from './kernel.js';
import { isPath } from './names.js';
import { ENTRIES_MAX, FLAG_SECTIONS, IDS_MAX, isDirectory, PATH_MAX_BYTES, SERVICE } from './wire.js';

const FLAGS_AT = 3;
const HEAD_BYTES = 4;

/** What a snapshot and its manifest say of the top entry and the clock. */
export interface Header {
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly top: Top;
  /** The digest of all that is below the top. */
  readonly digest: bigint;
}

/** The directory that a snapshot is of. */
export interface Top {
  readonly id: number;
  /** Its absolute path, as bytes. */
  readonly path: Uint8Array;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/** What a document says that has been let in: the bytes between its sections and its check, and its flags. */
export interface Opened {
  readonly body: Cursor;
  readonly flags: number;
}

/** Checks a document's ends. */
export function open(bytes: Uint8Array, magic: number, knownFlags: number, checkBytes: number): Opened {
  const end = bytes.length - checkBytes;
  if (end < HEAD_BYTES) throw new QtnError('truncated', bytes.length);
  if (bytes[0] !== 1 || bytes[1] !== 2 || bytes[2] !== magic) throw new QtnError('magic', 0);
  const flags = bytes[FLAGS_AT] as number;
  if (flags & ~(knownFlags | FLAG_SECTIONS)) throw new QtnError('unknown-version', FLAGS_AT);
  const told = new Cursor(bytes, end).fixed(checkBytes);
  if (BigInt.asUintN(checkBytes * 8, xxh64(bytes.subarray(0, end), 0n)) !== told) throw new QtnError('check', end);
  const body = new Cursor(bytes, HEAD_BYTES, end);
  if (flags & FLAG_SECTIONS) skipSections(body);
  return { body, flags };
}

/** Passes over the sections that are ancillary; version 1 knows none. */
function skipSections(body: Cursor): void {
  for (let last = 0n; ; ) {
    const tag = body.varint64();
    if (tag === 0n && last > 0n) return;
    if (tag <= last || tag % 2n === 0n) body.fail('section');
    body.raw(body.varint(Number.MAX_SAFE_INTEGER, 'truncated'));
    last = tag;
  }
}

/** Reads what stands between the flags and the counts. */
export function readHeader(body: Cursor): Header {
  const epoch = body.fixed(8);
  const seq = body.varint64();
  const id = body.varint(IDS_MAX - 1, 'id-range');
  if (id === SERVICE) body.fail('id-range');
  const path = body.raw(body.varint(PATH_MAX_BYTES - 1, 'path-too-long')).slice();
  const mode = readMode(body);
  const mtimeNs = body.signed64();
  if (!isPath(path) || !isDirectory(mode)) body.fail('top-entry');
  return { epoch, seq, top: { id, path, mode, mtimeNs }, digest: body.fixed(16) };
}

/** A mode, which has a type. */
export function readMode(from: Cursor): number {
  const mode = from.varint(0xffff, 'mode');
  return mode & 0xf000 ? mode : from.fail('mode');
}

/** How many entries there are, how many of them right below the top, and in how many chunks. */
export interface Counts {
  readonly entries: number;
  readonly children: number;
  readonly chunks: number;
}

/** Reads the counts. */
export function readCounts(body: Cursor, maxEntries = ENTRIES_MAX): Counts {
  const entries = body.varint(Math.min(maxEntries, ENTRIES_MAX), 'too-many-entries');
  const children = body.varint(entries, 'child-counts');
  return { entries, children, chunks: body.varint(entries, 'chunk-count') };
}
