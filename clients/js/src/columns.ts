/**
 * The columns of a tree: a row for each entry but the top, in directory order.
 *
 * Law: rows are only added, chunk by chunk, and each chunk's are there in full before the next one's. Nothing is allocated
 * for an entry before its chunk says that it is there.
 */

import { QtnError } from './errors.js';
import type { Weighed } from './kernel.js';

const NAMES_MAX_BYTES = 0xffff_ffff; // places in `names` are 32 bits

/** Columns that are being filled. 64-bit ones are filled by halves: every machine that runs this is little-endian. */
export class Columns implements Weighed {
  readonly ids: Uint32Array;
  readonly parents: Uint32Array;
  readonly modes: Uint16Array;
  readonly sizes: BigUint64Array;
  readonly times: BigInt64Array;
  readonly nameEnds: Uint32Array;
  names: Uint8Array;
  /** Halves of `sizes` and `times`. */
  readonly sizeHalves: Uint32Array;
  readonly timeHalves: Uint32Array;
  /** Of each row whether its name is above that of the row before. */
  readonly ascends: Uint8Array;
  /** Of each directory among them, in order: its row, its children's count, and what it says of the rest below it. */
  readonly directoryRows: number[] = [];
  readonly childCounts: number[] = [];
  readonly belowCounts: number[] = [];

  constructor(rows: number) {
    this.ids = new Uint32Array(rows);
    this.parents = new Uint32Array(rows);
    this.modes = new Uint16Array(rows);
    this.sizes = new BigUint64Array(rows);
    this.times = new BigInt64Array(rows);
    this.nameEnds = new Uint32Array(rows + 1);
    this.names = new Uint8Array(rows * 12 + 2048);
    this.sizeHalves = new Uint32Array(this.sizes.buffer);
    this.timeHalves = new Uint32Array(this.times.buffer);
    this.ascends = new Uint8Array(rows);
  }

  /** Makes room for so many bytes of names behind `end`. */
  reserveNames(end: number, bytes: number): Uint8Array {
    if (end + bytes <= this.names.length) return this.names;
    if (end + bytes > NAMES_MAX_BYTES) throw new QtnError('column-too-large', end);
    const grown = new Uint8Array(Math.min(NAMES_MAX_BYTES, (end + bytes) * 2));
    grown.set(this.names.subarray(0, end));
    this.names = grown;
    return grown;
  }
}
