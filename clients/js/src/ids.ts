/**
 * Which row an id has: the runs of consecutive ids, by their first (after a fresh scan, one run).
 *
 * Law: no two runs overlap, or the ids were not unique.
 */

const ROWS = 2 ** 26; // more than there can be, so that an id and its row fit into one number, exactly

/** Where ids are. */
export class IdRuns {
  private constructor(
    private readonly firsts: Uint32Array,
    private readonly rows: Uint32Array,
    private readonly count: number,
  ) {}

  /** The runs of these ids; nothing where one stands twice, or is `other`. */
  static of(ids: Uint32Array, other: number): IdRuns | undefined {
    const keys = runStarts(ids).sort();
    const firsts = new Uint32Array(keys.length);
    const rows = new Uint32Array(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      firsts[i] = Math.floor(key / ROWS);
      rows[i] = key % ROWS;
    }
    const runs = new IdRuns(firsts, rows, ids.length);
    for (let i = 1; i < firsts.length; i++) {
      const last = (firsts[i - 1] as number) + runLength(ids, rows[i - 1] as number) - 1;
      if (last >= (firsts[i] as number)) return undefined;
    }
    return runs.row(other, ids) < 0 ? runs : undefined;
  }

  /** The row of an id; -1 for one that is not there. */
  row(id: number, ids: Uint32Array): number {
    let low = 0;
    for (let high = this.firsts.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((this.firsts[middle] as number) <= id) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return -1;
    const row = (this.rows[low - 1] as number) + id - (this.firsts[low - 1] as number);
    return row < this.count && ids[row] === id ? row : -1;
  }
}

function runStarts(ids: Uint32Array): Float64Array {
  const keys: number[] = [];
  for (let row = 0, next = -1; row < ids.length; row++) {
    const id = ids[row] as number;
    if (id !== next) keys.push(id * ROWS + row);
    next = id + 1;
  }
  return Float64Array.from(keys);
}

function runLength(ids: Uint32Array, first: number): number {
  let row = first + 1;
  while (row < ids.length && ids[row] === (ids[row - 1] as number) + 1) row++;
  return row - first;
}
