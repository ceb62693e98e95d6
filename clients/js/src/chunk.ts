/**
 * A chunk of a snapshot: twelve columns, decoded into the rows of a tree (QTN1.md, section 3).
 *
 * Law: one chunk is unpacked at a time, and each of its columns is read to its end.
 */

import { skipColumn, type Stored, unpack } from './column.js';
import type { Columns } from './columns.js';
import type { Cursor } from './cursor.js';
import { type NameColumns, readNames } from './names.js';
import { readSizes, readTimes } from './values.js';
import { CHUNK_COLUMNS, CHUNK_MAX_ENTRIES, ENTRIES_MAX, IDS_MAX, isDirectory } from './wire.js';

interface ChunkColumns extends NameColumns {
  readonly children: Cursor;
  readonly modes: Cursor;
  readonly widths: Cursor;
  readonly bits: Cursor;
  readonly timeTable: Cursor;
  readonly times: Cursor;
  readonly ids: Cursor;
  readonly below: Cursor;
}

const PREFIXES = 1; // the column that has a byte for each entry, whichever else are empty

/** A chunk where it lies. */
export interface StoredChunk {
  readonly count: number;
  readonly columns: readonly Stored[];
}

/** Finds the chunks of a snapshot; unpacks nothing. */
export function findChunks(from: Cursor, chunks: number, entries: number): StoredChunk[] {
  const found: StoredChunk[] = [];
  let left = entries;
  for (let i = 0; i < chunks; i++) {
    const count = readChunkSize(from, left);
    const columns: Stored[] = [];
    while (columns.length < CHUNK_COLUMNS) columns.push(skipColumn(from));
    if ((columns[PREFIXES] as Stored).rawSize < count) from.fail('truncated');
    found.push({ count, columns });
    left -= count;
  }
  from.close();
  if (left > 0) from.fail('entry-count');
  return found;
}

/** How many entries the chunk has that begins here. */
export function readChunkSize(from: Cursor, left: number): number {
  return from.varint(Math.min(CHUNK_MAX_ENTRIES, left), 'chunk-size') || from.fail('chunk-size');
}

/** Decodes a chunk into rows from `first` on; `lastId` stands before its first id. What is returned stands behind it. */
export function readChunk(bytes: Uint8Array, chunk: StoredChunk, to: Columns, first: number, lastId: number): number {
  const { count } = chunk;
  const columns = unpackAll(bytes, chunk);
  readNames(columns, to, first, count);
  readModes(columns.modes, to.modes, first, count);
  readSizes(columns.widths, columns.bits, to.sizeHalves, first, count);
  readTimes(columns.timeTable, columns.times, to.timeHalves, first, count);
  const last = readIds(columns.ids, to.ids, first, count, lastId);
  readDirectories(columns, to, first, count);
  for (const column of Object.values(columns)) column.close();
  return last;
}

function unpackAll(bytes: Uint8Array, chunk: StoredChunk): ChunkColumns {
  const next = chunk.columns.values();
  const column = (): Cursor => unpack(bytes, next.next().value as Stored);
  return {
    children: column(),
    prefixes: column(),
    suffixes: column(),
    extensions: column(),
    extensionIds: column(),
    modes: column(),
    widths: column(),
    bits: column(),
    timeTable: column(),
    times: column(),
    ids: column(),
    below: column(),
  };
}

function readModes(from: Cursor, modes: Uint16Array, first: number, count: number): void {
  const size = from.varint(count, 'mode-table');
  const table = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    table[i] = from.byte() | (from.byte() << 8);
    if (i > 0 && (table[i] as number) <= (table[i - 1] as number)) from.fail('mode-table');
  }
  if (size > 0 && (table[0] as number) < 0x1000) from.fail('mode');
  for (let row = first; row < first + count; row++) modes[row] = table[from.varint(size - 1, 'mode-index')] as number;
}

/** Column 11. Returns the last id. */
function readIds(from: Cursor, ids: Uint32Array, first: number, count: number, before: number): number {
  const goesOn = from.left === 0;
  let last = before;
  for (let row = first, end = first + count; row < end; ) {
    const id = last + 1 + (goesOn ? 0 : from.signed());
    const length = goesOn ? count : from.varint(end - row, 'id-runs') || from.fail('id-runs');
    last = id + length - 1;
    if (!(id >= 1 && last < IDS_MAX)) from.fail('id-range');
    for (let next = id; next <= last; next++) ids[row++] = next;
  }
  return last;
}

/** Columns 1 and 12. */
function readDirectories(from: ChunkColumns, to: Columns, first: number, count: number): void {
  const { children, below, widths } = from;
  const { modes, sizeHalves } = to;
  const told = below.left > 0;
  for (let row = first; row < first + count; row++) {
    if (!isDirectory(modes[row] as number)) continue;
    to.directoryRows.push(row);
    to.childCounts.push(children.varint(ENTRIES_MAX, 'child-counts'));
    to.belowCounts.push(told ? below.varint(ENTRIES_MAX, 'below-counts') : 0);
    if (sizeHalves[row * 2] || sizeHalves[row * 2 + 1]) widths.fail('directory-size');
  }
}
