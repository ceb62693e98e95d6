/**
 * A chunk of a snapshot: twelve columns, decoded into the rows of a tree (QTN1.md, section 3).
 *
 * Law: one chunk is unpacked at a time, and each of its columns is read to its end.
 */

import { readColumn } from './column.js';
import type { Columns } from './columns.js';
import type { Cursor } from './cursor.js';
import { type NameColumns, readNames } from './names.js';
import { readSizes, readTimes } from './values.js';
import { CHUNK_MAX_ENTRIES, ENTRIES_MAX, IDS_MAX, isDirectory } from './wire.js';

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

/** How many entries the chunk has that begins here. */
export function readChunkSize(from: Cursor, left: number): number {
  return from.varint(Math.min(CHUNK_MAX_ENTRIES, left), 'chunk-size') || from.fail('chunk-size');
}

/** Decodes `count` entries into the next rows; `lastId` stands before their first id. What is returned is their last. */
export function readChunk(from: Cursor, count: number, to: Columns, lastId: number): number {
  const columns = unpackAll(from);
  if (columns.prefixes.left < count) columns.prefixes.fail('truncated'); // it has a byte for each, whichever else is empty
  const first = to.add(count);
  readNames(columns, to, first, count);
  readModes(columns.modes, to.modes, first, count);
  readSizes(columns.widths, columns.bits, to.sizeHalves, first, count);
  readTimes(columns.timeTable, columns.times, to.timeHalves, first, count);
  const last = readIds(columns.ids, to.ids, first, count, lastId);
  readDirectories(columns, to, first, count);
  for (const column of Object.values(columns)) column.close();
  return last;
}

function unpackAll(from: Cursor): ChunkColumns {
  const column = (): Cursor => readColumn(from);
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
  }
  for (let i = 1; i < size; i++) if ((table[i] as number) <= (table[i - 1] as number)) from.fail('mode-table');
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
