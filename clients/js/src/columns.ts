/**
 * The columns of a tree: a row for each entry but the top, in directory order.
 *
 * Law: rows are only added, chunk by chunk, and each chunk's are there in full before the next one's. Room is made for what
 * is expected, and beyond that for twice the rows that there are.
 */

import { QtnError } from './errors.js';
import type { Weighed } from './kernel.js';

const NAMES_MAX_BYTES = 0xffff_ffff; // places in `names` are 32 bits

/** Columns that are being filled. 64-bit ones are filled by halves: every machine that runs this is little-endian. */
export class Columns implements Weighed {
  ids = new Uint32Array(0);
  /** Numbers of directories. */
  parents = new Uint32Array(0);
  modes = new Uint16Array(0);
  sizes = new BigUint64Array(0);
  times = new BigInt64Array(0);
  nameEnds = new Uint32Array(1);
  names = new Uint8Array(0);
  /** Halves of `sizes` and `times`. */
  sizeHalves = new Uint32Array(0);
  timeHalves = new Uint32Array(0);
  /** Of each row whether its name is above that of the row before. */
  ascends = new Uint8Array(0);
  /** Of each directory among them, in order: its row, its children's count, and what it says of the rest below it. */
  readonly directoryRows: number[] = [];
  readonly childCounts: number[] = [];
  readonly belowCounts: number[] = [];
  private rows = 0;

  /** `announced`: how many rows there will be in the end; `expected`: for how many there is room from the beginning. */
  constructor(
    private readonly announced: number,
    expected: number,
  ) {
    this.grow(Math.min(announced, expected));
  }

  /** Makes so many rows more, and says which is the first of them. */
  add(count: number): number {
    const first = this.rows;
    this.rows += count;
    if (this.rows > this.ids.length) this.grow(Math.min(this.announced, Math.max(this.rows, first * 2)));
    return first;
  }

  private grow(rows: number): void {
    this.ids = grown(this.ids, new Uint32Array(rows));
    this.parents = new Uint32Array(rows);
    this.modes = grown(this.modes, new Uint16Array(rows));
    this.sizes = grown(this.sizes, new BigUint64Array(rows));
    this.times = grown(this.times, new BigInt64Array(rows));
    this.nameEnds = grown(this.nameEnds, new Uint32Array(rows + 1));
    this.sizeHalves = new Uint32Array(this.sizes.buffer);
    this.timeHalves = new Uint32Array(this.times.buffer);
    this.ascends = grown(this.ascends, new Uint8Array(rows));
  }

  /** Makes room for so many bytes of names behind `end`. */
  reserveNames(end: number, bytes: number): Uint8Array {
    if (end + bytes <= this.names.length) return this.names;
    if (end + bytes > NAMES_MAX_BYTES) throw new QtnError('column-too-large', end);
    this.names = grown(this.names.subarray(0, end), new Uint8Array(Math.min(NAMES_MAX_BYTES, (end + bytes) * 2)));
    return this.names;
  }
}

function grown<Column extends { set(from: Column): void }>(column: Column, larger: Column): Column {
  larger.set(column);
  return larger;
}
