/**
 * Columns of QTN1: as they are or as one zstd frame (QTN1.md, section 1).
 *
 * Law: a frame's header is looked at, and its blocks are walked, before anything is allocated for it.
 */

import type { Cursor } from './cursor.js';
import { Cursor as Reader } from './cursor.js';
import { QtnError } from './errors.js';
import { unzstd } from './kernel.js';
import { COLUMN_MAX_BYTES, WINDOW_MAX_BYTES } from './wire.js';

/** A column where it lies: its size unpacked, and its stored bytes. */
export interface Stored {
  readonly rawSize: number;
  readonly at: number;
  readonly end: number;
}

/** Passes over a column. */
export function skipColumn(from: Cursor, maxBytes = COLUMN_MAX_BYTES): Stored {
  const rawSize = from.varint(maxBytes, 'column-too-large');
  const size = from.varint(rawSize, 'column-size');
  const { at } = from;
  from.raw(size);
  return { rawSize, at, end: from.at };
}

/** What a column holds. */
export function unpack(bytes: Uint8Array, column: Stored): Reader {
  const { rawSize, at, end } = column;
  if (end - at === rawSize) return new Reader(bytes, at, end);
  const frame = bytes.subarray(at, end);
  const code = frameDefect(frame, rawSize);
  const raw = code ? undefined : unzstd(frame, rawSize);
  if (!raw) throw new QtnError(code ?? 'zstd', at);
  return new Reader(raw, 0, rawSize, at);
}

/** A column's content. */
export function readColumn(from: Cursor): Reader {
  return unpack(from.bytes, skipColumn(from));
}

const DESCRIPTOR = 4; // where the frame header's first byte stands
const BLOCK_MAX_BYTES = 131_072;

/** The code of what is wrong with a frame's header or with where it ends (RFC 8878, section 3.1.1), if anything is. */
function frameDefect(frame: Uint8Array, rawSize: number): string | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const descriptor = frame[DESCRIPTOR] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const idBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const idAt = DESCRIPTOR + (single ? 1 : 2);
  const sizeAt = idAt + idBytes;
  const blocksAt = sizeAt + sizeBytes;
  if (frame.length < blocksAt || view.getUint32(0, true) !== 0xfd2fb528 || descriptor & 0x08) return 'zstd';
  if (sizeBytes === 0 || contentSize(view, sizeAt, sizeBytes) !== BigInt(rawSize)) return 'zstd-size';
  if (frame.subarray(idAt, sizeAt).some((byte) => byte !== 0)) return 'zstd-header';
  if (!single && windowSize(frame[DESCRIPTOR + 1] as number) > WINDOW_MAX_BYTES) return 'zstd-header';
  if (single && rawSize > WINDOW_MAX_BYTES) return 'zstd-header';
  return endsWithLastBlock(view, blocksAt, descriptor & 4) ? undefined : 'zstd';
}

function contentSize(view: DataView, at: number, bytes: number): bigint {
  if (bytes === 1) return BigInt(view.getUint8(at));
  if (bytes === 2) return BigInt(view.getUint16(at, true) + 256);
  return bytes === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function endsWithLastBlock(view: DataView, blocksAt: number, checksumBytes: number): boolean {
  for (let at = blocksAt; at + 3 <= view.byteLength; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const [last, type, size] = [header & 1, (header >> 1) & 3, header >> 3];
    if (type === 3 || size > BLOCK_MAX_BYTES) return false;
    at += 3 + (type === 1 ? 1 : size);
    if (last) return at + checksumBytes === view.byteLength;
  }
  return false;
}
