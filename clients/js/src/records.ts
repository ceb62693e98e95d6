/**
 * The body of a delta and of a batch: records in ten columns (QTN1.md, section 4).
 *
 * Law: a record says what its mask says and nothing else; values of what it does not say are 0 or empty.
 */

import { skipColumn, unpack } from './column.js';
import type { Cursor } from './cursor.js';
import { byteString } from './entry.js';
import { readMode } from './header.js';
import { isName, isPath } from './names.js';
import { readSizes, readTimes } from './values.js';
import * as wire from './wire.js';

/** The records of a change, by columns, in the order of their ids. */
export interface Records {
  readonly ids: Uint32Array;
  readonly masks: Uint8Array;
  readonly parents: Uint32Array;
  /** Byte strings: a name or, below the service itself, an absolute path. */
  readonly names: readonly string[];
  readonly modes: Uint16Array;
  readonly sizes: BigUint64Array;
  readonly times: BigInt64Array;
}

interface RecordColumns {
  readonly ids: Cursor;
  readonly masks: Cursor;
  readonly parents: Cursor;
  readonly prefixes: Cursor;
  readonly suffixes: Cursor;
  readonly modes: Cursor;
  readonly widths: Cursor;
  readonly bits: Cursor;
  readonly timeTable: Cursor;
  readonly times: Cursor;
}

/** Reads a body; `sized`: its columns have sizes. */
export function readRecords(body: Cursor, sized: boolean, maxRecords = wire.ENTRIES_MAX): Records {
  const count = body.varint(Math.min(maxRecords, wire.ENTRIES_MAX), 'too-many-records');
  const columns = sized ? unpackAll(body, count) : bare(body);
  if (count > columns.masks.left) columns.masks.fail('truncated');
  const ids = readIds(columns.ids, count);
  const masks = readMasks(columns.masks, count);
  const { parents, names } = readPlaces(columns, masks);
  const modes = new Uint16Array(count);
  for (let i = 0; i < count; i++) if (says(masks, i, wire.MASK_MODE)) modes[i] = readMode(columns.modes);
  const sizes = new BigUint64Array(count);
  const sized64 = readTold(masks, wire.MASK_SIZE, (halves, told) =>
    readSizes(columns.widths, columns.bits, halves, 0, told),
  );
  spread(sized64, masks, wire.MASK_SIZE, new Uint32Array(sizes.buffer));
  const times = new BigInt64Array(count);
  const timed64 = readTold(masks, wire.MASK_MTIME, (halves, told) => {
    if (told > 0) readTimes(columns.timeTable, columns.times, halves, 0, told);
  });
  spread(timed64, masks, wire.MASK_MTIME, new Uint32Array(times.buffer));
  for (const column of Object.values(columns)) column.close();
  body.close();
  return { ids, masks, parents, names, modes, sizes, times };
}

function says(masks: Uint8Array, index: number, bit: number): boolean {
  return ((masks[index] as number) & bit) !== 0;
}

function bare(body: Cursor): RecordColumns {
  const [ids, masks, parents, prefixes, suffixes] = [body, body, body, body, body];
  return {
    ids,
    masks,
    parents,
    prefixes,
    suffixes,
    modes: body,
    widths: body,
    bits: body,
    timeTable: body,
    times: body,
  };
}

function unpackAll(body: Cursor, count: number): RecordColumns {
  const column = (): Cursor => {
    const told = skipColumn(body, wire.BODY_MAX_BYTES);
    const useful = told.rawSize <= count * wire.RECORD_MAX_BYTES;
    return useful ? unpack(body.bytes, told) : body.failAt('bytes-left-over', told.at);
  };
  return {
    ids: column(),
    masks: column(),
    parents: column(),
    prefixes: column(),
    suffixes: column(),
    modes: column(),
    widths: column(),
    bits: column(),
    timeTable: column(),
    times: column(),
  };
}

function readIds(from: Cursor, count: number): Uint32Array {
  const ids = new Uint32Array(count);
  let next = 0;
  for (let i = 0; i < count; i++) {
    const id = next + from.varint(wire.IDS_MAX - 1, 'id-range');
    if (id === wire.SERVICE || id >= wire.IDS_MAX) from.fail('id-range');
    ids[i] = id;
    next = id + 1;
  }
  return ids;
}

function readMasks(from: Cursor, count: number): Uint8Array {
  const masks = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const mask = from.byte();
    if (mask !== wire.MASK_DELETED && (mask === 0 || mask & ~wire.MASK_ALL)) from.fail('mask');
    masks[i] = mask;
  }
  return masks;
}

function readPlaces(from: RecordColumns, masks: Uint8Array): { parents: Uint32Array; names: string[] } {
  const parents = new Uint32Array(masks.length);
  const names = new Array<string>(masks.length).fill('');
  const common: number[] = [];
  let parent = 0;
  for (let i = 0; i < masks.length; i++) {
    if (!says(masks, i, wire.MASK_PLACE)) continue;
    parent += from.parents.signed();
    if (!(parent >= 0 && parent < wire.IDS_MAX)) from.parents.fail('id-range');
    parents[i] = parent;
  }
  for (let i = 0; i < masks.length; i++)
    if (says(masks, i, wire.MASK_PLACE)) common.push(from.prefixes.varint(wire.BODY_MAX_BYTES, 'name-prefix'));
  let name: Uint8Array = new Uint8Array(0);
  let left = wire.BODY_MAX_BYTES;
  let placed = 0;
  for (let i = 0; i < masks.length; i++) {
    if (!says(masks, i, wire.MASK_PLACE)) continue;
    name = readName(from, name, common[placed++] as number, parents[i] === wire.SERVICE);
    left -= name.length;
    if (left < 0) from.suffixes.fail('column-too-large');
    names[i] = byteString(name);
  }
  return { parents, names };
}

function readName(from: RecordColumns, before: Uint8Array, common: number, isRoot: boolean): Uint8Array {
  const { suffixes } = from;
  if (common > before.length) from.prefixes.fail('name-prefix');
  const suffix = suffixes.raw(suffixes.nul() - suffixes.at);
  suffixes.at++;
  const name = new Uint8Array(common + suffix.length);
  name.set(before.subarray(0, common));
  name.set(suffix, common);
  if (isRoot && name.length >= wire.PATH_MAX_BYTES) suffixes.fail('path-too-long');
  if (!(isRoot ? isPath(name) : isName(name))) suffixes.fail('name');
  return name;
}

/** What is told of the records that have a bit, one after the other, by halves. */
function readTold(masks: Uint8Array, bit: number, read: (halves: Uint32Array, told: number) => void): Uint32Array {
  let told = 0;
  for (let i = 0; i < masks.length; i++) if (says(masks, i, bit)) told++;
  const halves = new Uint32Array(told * 2);
  read(halves, told);
  return halves;
}

/** Puts what is told to the records that it is told of. */
function spread(told: Uint32Array, masks: Uint8Array, bit: number, halves: Uint32Array): void {
  for (let i = 0, at = 0; i < masks.length; i++) {
    if (!says(masks, i, bit)) continue;
    halves[i * 2] = told[at++] as number;
    halves[i * 2 + 1] = told[at++] as number;
  }
}
