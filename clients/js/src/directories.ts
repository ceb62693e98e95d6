/**
 * The directories of a snapshot, and where their children are: made of child counts, by directory order (QTN1.md, section 2).
 *
 * Law: directories are numbered by their rows, from 1; 0 is the top. All children of one are consecutive rows, and all
 * directories among them consecutive numbers, so a directory is four numbers and a row needs but its parent's.
 */

import type { Columns } from './columns.js';
import { QtnError } from './errors.js';
import { DEPTH_MAX } from './wire.js';

/** By number: each directory's row (the top's is -1), its first child's row, and how many children it has. */
export interface Directories {
  readonly rows: Int32Array;
  readonly firstChildren: Uint32Array;
  readonly childCounts: Uint32Array;
}

/** Gives every row its parent; refuses what is no tree. `offset` is where the document's rows end. */
export function placeRows(columns: Columns, topChildren: number, offset: number): Directories {
  const rows = withTop(new Int32Array(columns.directoryRows.length + 1), -1, columns.directoryRows);
  const childCounts = withTop(new Uint32Array(rows.length), topChildren, columns.childCounts);
  const firstChildren = new Uint32Array(rows.length);
  const placed = new Placing(columns, { rows, firstChildren, childCounts }, offset);
  placed.all();
  checkBelow(columns, rows, childCounts, offset);
  return { rows, firstChildren, childCounts };
}

class Placing {
  private nextRow = 0;
  private nextNumber = 1;

  constructor(
    private readonly columns: Columns,
    private readonly directories: Directories,
    private readonly offset: number,
  ) {}

  /** Directory order, with a stack of the ranges of siblings that are still to be opened: as deep as the tree. */
  all(): void {
    const ends: number[] = [];
    const nexts: number[] = [];
    this.open(0, 1);
    nexts.push(1);
    ends.push(this.nextNumber);
    while (ends.length > 0) {
      const number = nexts[nexts.length - 1] as number;
      if (number === ends[ends.length - 1]) {
        ends.pop();
        nexts.pop();
        continue;
      }
      nexts[nexts.length - 1] = number + 1;
      const first = this.nextNumber;
      this.open(number, ends.length + 1);
      nexts.push(first);
      ends.push(this.nextNumber);
    }
    if (this.nextRow !== this.columns.ids.length) throw new QtnError('child-counts', this.offset);
  }

  /** Takes the next rows as the children of a directory, which are so deep. */
  private open(number: number, depth: number): void {
    const { parents, ascends } = this.columns;
    const { rows, firstChildren, childCounts } = this.directories;
    const first = this.nextRow;
    const end = first + (childCounts[number] as number);
    if (end > parents.length) throw new QtnError('child-counts', this.offset);
    if (end > first && depth > DEPTH_MAX) throw new QtnError('too-deep', this.offset);
    for (let row = first; row < end; row++) {
      parents[row] = number;
      if (row > first && ascends[row] === 0) throw new QtnError('order', this.offset);
    }
    firstChildren[number] = first;
    this.nextRow = end;
    while (this.nextNumber < rows.length && (rows[this.nextNumber] as number) < end) this.nextNumber++;
  }
}

function checkBelow(columns: Columns, rows: Int32Array, childCounts: Uint32Array, offset: number): void {
  const below = new Uint32Array(rows.length);
  for (let number = rows.length - 1; number > 0; number--) {
    const deeper = below[number] as number;
    if (deeper !== columns.belowCounts[number - 1]) throw new QtnError('below-counts', offset);
    const parent = columns.parents[rows[number] as number] as number;
    below[parent] = (below[parent] as number) + deeper + (childCounts[number] as number);
  }
}

function withTop<Column extends Int32Array | Uint32Array>(column: Column, top: number, rest: number[]): Column {
  column[0] = top;
  column.set(rest, 1);
  return column;
}
