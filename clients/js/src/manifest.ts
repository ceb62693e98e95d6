/**
 * A manifest: a snapshot with the addresses of its groups in their place (QTN1.md, end of section 3).
 *
 * Law: of the same groups comes the same snapshot, byte for byte; a group that is not what its address says is refused.
 */

import { readChunkSize } from './chunk.js';
import { skipColumn, unpack } from './column.js';
import { Cursor } from './cursor.js';
import { QtnError } from './errors.js';
import { type Counts, type Header, open, readCounts, readHeader } from './header.js';
import { hash128, xxh64 } from './kernel.js';
import type { DecodeOptions } from './snapshot.js';
import { ID_COLUMNS, MAGIC_MANIFEST, MAGIC_SNAPSHOT, META_COLUMNS, NAME_COLUMNS } from './wire.js';

const CHECK_BYTES = 8;
const GROUPS = [NAME_COLUMNS, META_COLUMNS, ID_COLUMNS] as const;
const MOST_COLUMNS = Math.max(...GROUPS);
const SIZE_MAX = Number.MAX_SAFE_INTEGER;

/** Where a group is to be had, and how many bytes it has there. */
export interface GroupAddress {
  readonly address: bigint;
  readonly storedSize: number;
}

/** A chunk's entry count and its three groups. */
export interface ManifestChunk {
  readonly count: number;
  readonly groups: readonly GroupAddress[];
}

/** What a manifest says. */
export interface Manifest extends Header {
  readonly kind: 'manifest';
  readonly counts: Counts;
  readonly chunks: readonly ManifestChunk[];
  readonly document: Uint8Array;
  /** Where its chunks begin. */
  readonly chunksAt: number;
}

/** What a manifest says. `load` must have ended before. Throws a QtnError for what is none. */
export function decodeManifest(document: Uint8Array, options: DecodeOptions = {}): Manifest {
  const { body } = open(document, MAGIC_MANIFEST, 0, CHECK_BYTES);
  const header = readHeader(body);
  const counts = readCounts(body, options.maxEntries);
  const chunksAt = body.at;
  const chunks: ManifestChunk[] = [];
  let left = counts.entries;
  for (let i = 0; i < counts.chunks; i++) {
    const count = readChunkSize(body, left);
    const groups = GROUPS.map(() => ({ address: body.fixed(16), storedSize: body.varint(SIZE_MAX, 'address') }));
    chunks.push({ count, groups });
    left -= count;
  }
  body.close();
  if (left > 0) body.fail('entry-count');
  return { kind: 'manifest', ...header, counts, chunks, document, chunksAt };
}

/** The address of a group, given as it stands in a snapshot; a QtnError for what is no group. */
export function groupAddress(group: Uint8Array): bigint {
  const cursor = new Cursor(group);
  const parts: Uint8Array[] = [];
  while (cursor.left > 0) {
    if (parts.length === 2 * MOST_COLUMNS) cursor.fail('bytes-left-over');
    const column = skipColumn(cursor);
    const raw = unpack(group, column);
    parts.push(varint(column.rawSize), raw.bytes.subarray(raw.at, raw.end));
  }
  return hash128(joined(parts));
}

/** The groups of a snapshot, three for each chunk, as they stand in it. */
export function snapshotGroups(document: Uint8Array): Uint8Array[] {
  const { body } = open(document, MAGIC_SNAPSHOT, 0, CHECK_BYTES);
  readHeader(body);
  const counts = readCounts(body);
  const groups: Uint8Array[] = [];
  for (let i = 0; i < counts.chunks; i++) {
    readChunkSize(body, counts.entries);
    for (const columns of GROUPS) {
      const start = body.at;
      for (let column = 0; column < columns; column++) skipColumn(body);
      groups.push(document.subarray(start, body.at));
    }
  }
  return groups;
}

/** Whether these bytes are the group that a manifest names. */
export function isGroup(group: Uint8Array, named: GroupAddress): boolean {
  if (group.length !== named.storedSize) return false;
  try {
    return groupAddress(group) === named.address;
  } catch (error) {
    if (error instanceof QtnError) return false;
    throw error;
  }
}

/** The snapshot of a manifest, from its groups in their order. A group's error has its index for an offset. */
export function assemble(manifest: Manifest, groups: readonly Uint8Array[]): Uint8Array {
  const named = manifest.chunks.flatMap((chunk) => chunk.groups);
  if (groups.length !== named.length) throw new QtnError('address', Math.min(groups.length, named.length));
  for (const [index, address] of named.entries())
    if (!isGroup(groups[index] as Uint8Array, address)) throw new QtnError('address', index);
  const parts = [Uint8Array.of(1, 2, MAGIC_SNAPSHOT), manifest.document.subarray(3, manifest.chunksAt)];
  for (const [index, chunk] of manifest.chunks.entries())
    parts.push(varint(chunk.count), ...groups.slice(index * GROUPS.length, (index + 1) * GROUPS.length));
  const body = joined(parts);
  const check = new Uint8Array(CHECK_BYTES);
  new DataView(check.buffer).setBigUint64(0, xxh64(body, 0n), true);
  return joined([body, check]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
