/**
 * A snapshot: a directory with everything below it, in columns (QTN1.md, section 3).
 *
 * Law: what this returns has passed every check of the page; an entry becomes an object only when it is asked for.
 */

import { readChunk, readChunkSize } from './chunk.js';
import { Columns } from './columns.js';
import { type Directories, placeRows } from './directories.js';
import { byteString, Entry } from './entry.js';
import { QtnError } from './errors.js';
import { type Header, open, readCounts, readHeader, type Top } from './header.js';
import { IdRuns } from './ids.js';
import { foldDigests } from './kernel.js';
import { ENTRIES_MAX, isDirectory, MAGIC_SNAPSHOT, SERVICE } from './wire.js';

const CHECK_BYTES = 8;

/** Bounds for what a document may ask for. */
export interface DecodeOptions {
  /** A document of more entries, or records, is refused before anything is allocated; 50,000,000 by default. */
  readonly maxEntries?: number;
}

/** A decoded snapshot. Rows are its entries in directory order, from 0; the top is not among them. */
export class Snapshot implements Header {
  readonly kind = 'snapshot';
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly top: Top;
  readonly digest: bigint;

  /** Made by `decodeSnapshot`. */
  constructor(
    header: Header,
    /** The document it was decoded from. */
    readonly document: Uint8Array,
    /** A typed array for each field; `parents` are numbers of directories. */
    readonly columns: Columns,
    readonly directories: Directories,
    private readonly runs: IdRuns,
    private readonly digests: BigUint64Array,
  ) {
    ({ epoch: this.epoch, seq: this.seq, top: this.top, digest: this.digest } = header);
  }

  /** How many entries there are, the top not counted. */
  get count(): number {
    return this.columns.ids.length;
  }

  /** The clock that the tree is of. */
  get clock(): string {
    return formatClock(this.epoch, this.seq);
  }

  /** The row of an id: -1 for the top's and for one that is not there. */
  rowOf(id: number): number {
    return this.runs.row(id, this.columns.ids);
  }

  /** The id of a directory by its number. */
  directoryId(number: number): number {
    return number === 0 ? this.top.id : (this.columns.ids[this.directories.rows[number] as number] as number);
  }

  /** The number of the directory at a row, or of the top at -1. */
  directoryNumber(row: number): number {
    const { rows } = this.directories;
    let low = 0;
    for (let high = rows.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((rows[middle] as number) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The digest of a directory by its number. */
  directoryDigest(number: number): bigint {
    return (this.digests[number * 2] as bigint) | ((this.digests[number * 2 + 1] as bigint) << 64n);
  }

  /** The name at a row, as it is. */
  nameAt(row: number): Uint8Array {
    const { names, nameEnds } = this.columns;
    return names.subarray(nameEnds[row], nameEnds[row + 1]);
  }

  /** The entry at a row; at -1 the top, as a root. */
  entry(row: number): Entry {
    const { id, path, mode, mtimeNs } = this.top;
    if (row < 0) return new Entry(id, SERVICE, byteString(path), mode, 0n, mtimeNs, this.digest);
    const { ids, parents, modes, sizes, times } = this.columns;
    const own = modes[row] as number;
    return new Entry(
      ids[row] as number,
      this.directoryId(parents[row] as number),
      byteString(this.nameAt(row)),
      own,
      sizes[row] as bigint,
      times[row] as bigint,
      isDirectory(own) ? this.directoryDigest(this.directoryNumber(row)) : 0n,
    );
  }

  /** The entries in directory order. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (let row = 0; row < this.count; row++) yield this.entry(row);
  }
}

/** How a clock is written. */
export function formatClock(epoch: bigint, seq: bigint): string {
  return `${epoch.toString(16).padStart(16, '0')}-${seq}`;
}

/** The tree in a snapshot. `load` must have ended before. Throws a QtnError for what is none. */
export function decodeSnapshot(document: Uint8Array, options: DecodeOptions = {}): Snapshot {
  const { body } = open(document, MAGIC_SNAPSHOT, 0, CHECK_BYTES);
  const header = readHeader(body);
  const counts = readCounts(body, options.maxEntries ?? ENTRIES_MAX);
  const columns = new Columns(counts.entries, document.length); // an entry takes two bytes or more, unless it is a trick
  let left = counts.entries;
  let lastId = header.top.id;
  for (let i = 0; i < counts.chunks; i++) {
    const count = readChunkSize(body, left);
    lastId = readChunk(body, count, columns, lastId);
    left -= count;
  }
  body.close();
  if (left > 0) body.fail('entry-count');
  const directories = placeRows(columns, counts.children, body.at);
  const runs = IdRuns.of(columns.ids, header.top.id);
  if (!runs) throw new QtnError('id-twice', body.at);
  const digests = foldDigests(columns, directories.rows.length);
  const snapshot = new Snapshot(header, document, columns, directories, runs, digests);
  return snapshot.directoryDigest(0) === header.digest ? snapshot : body.fail('digest');
}
