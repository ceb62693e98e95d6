/**
 * A service's tree: the snapshots it began with, as they came, and over them what has changed since.
 *
 * Law: every entry is told by exactly one place: `changed` where that knows its id, else a snapshot; the same for the
 * children of a directory and `touched`. Whatever changes can be taken back until `commit`.
 */

import { below, byteString, bytesOf, type Entry } from './entry.js';
import { QtnError } from './errors.js';
import { hash128 } from './kernel.js';
import { formatClock, type Snapshot } from './snapshot.js';
import { SERVICE } from './wire.js';

const U128 = 128;
const HEAD_BYTES = 36;
const DIGEST_AT = 20;
const DIGEST_BYTES = 16;

/** A row of a snapshot; -1 is its top. */
interface Place {
  readonly snapshot: Snapshot;
  readonly row: number;
}

/** Where an entry is: its root's path, and the names from there, with slashes between them. */
export interface Location {
  readonly root: string;
  readonly inner: string;
}

/** A tree of one clock. It is changed by `apply.ts` alone. */
export class Tree {
  epoch = 0n;
  seq = 0n;
  /** The digest of all roots together. */
  digest = 0n;
  /** How many entries there are, the roots counted. */
  count = 0;

  private readonly changed = new Map<number, Entry | null>();
  private readonly touched = new Map<number, Map<string, number>>([[SERVICE, new Map()]]);
  private undo: (() => void)[] = [];

  /** The tree of these snapshots, which are all of one clock. A QtnError has the snapshot's index for an offset. */
  constructor(readonly snapshots: readonly Snapshot[]) {
    for (const [index, snapshot] of snapshots.entries()) {
      const path = byteString(snapshot.top.path);
      if (index === 0) ({ epoch: this.epoch, seq: this.seq } = snapshot);
      if (snapshot.epoch !== this.epoch || snapshot.seq !== this.seq) throw new QtnError('clocks-differ', index);
      if (this.childId(SERVICE, path) !== undefined || this.shares(snapshot, index))
        throw new QtnError('id-twice', index);
      this.childrenToChange(SERVICE).set(path, snapshot.top.id);
      this.count += snapshot.count + 1;
      this.digest = add(this.digest, weigh(snapshot.entry(-1)));
    }
    this.undo = [];
  }

  /** The clock it is of. */
  get clock(): string {
    return formatClock(this.epoch, this.seq);
  }

  private shares(snapshot: Snapshot, index: number): boolean {
    const others = this.snapshots.slice(0, index);
    if (others.length === 0) return false;
    const isTaken = (id: number): boolean => others.some((other) => id === other.top.id || other.rowOf(id) >= 0);
    return isTaken(snapshot.top.id) || snapshot.columns.ids.some(isTaken);
  }

  private place(id: number): Place | undefined {
    for (const snapshot of this.snapshots) {
      const row = snapshot.rowOf(id);
      if (row >= 0 || id === snapshot.top.id) return { snapshot, row };
    }
    return undefined;
  }

  /** The entry with an id. */
  get(id: number): Entry | undefined {
    const changed = this.changed.get(id);
    if (changed !== undefined) return changed ?? undefined;
    const place = this.place(id);
    return place?.snapshot.entry(place.row);
  }

  /** The id of the child of that name. */
  childId(parent: number, name: string): number | undefined {
    const touched = this.touched.get(parent);
    if (touched) return touched.get(name);
    const place = this.place(parent);
    if (!place) return undefined;
    const { snapshot } = place;
    let [low, end] = childRows(place);
    for (let high = end; low < high; ) {
      const middle = (low + high) >>> 1;
      if (byteString(snapshot.nameAt(middle)) < name) low = middle + 1;
      else high = middle;
    }
    return low < end && byteString(snapshot.nameAt(low)) === name ? snapshot.columns.ids[low] : undefined;
  }

  /** The ids of a directory's children, by name, in no order that is told. */
  childIds(parent: number): ReadonlyMap<string, number> {
    return this.touched.get(parent) ?? this.untouched(parent);
  }

  private untouched(parent: number): Map<string, number> {
    const children = new Map<string, number>();
    const place = this.place(parent);
    if (!place) return children;
    const { snapshot } = place;
    const [first, end] = childRows(place);
    for (let row = first; row < end; row++)
      children.set(byteString(snapshot.nameAt(row)), snapshot.columns.ids[row] as number);
    return children;
  }

  /** A directory's children in the order of their names; of the service itself, the roots. */
  *children(parent: number): IterableIterator<Entry> {
    const touched = this.touched.get(parent);
    if (touched) {
      for (const name of [...touched.keys()].sort()) yield this.get(touched.get(name) as number) as Entry;
      return;
    }
    const place = this.place(parent);
    if (!place) return;
    const [first, end] = childRows(place);
    for (let row = first; row < end; row++) yield this.get(place.snapshot.columns.ids[row] as number) as Entry;
  }

  /** Where an entry is: the path of its root, and its own below that; empty for a root. Byte strings. */
  locate(id: number): Location {
    let entry = this.get(id);
    const names: string[] = [];
    for (; entry && entry.parent !== SERVICE; entry = this.get(entry.parent)) names.push(entry.nameKey);
    return { root: entry?.nameKey ?? '', inner: names.reverse().join('/') };
  }

  /** The absolute path of an entry, a byte string. */
  path(id: number): string {
    const { root, inner } = this.locate(id);
    return inner === '' ? root : below(root, inner);
  }

  /** The entry at an absolute path, a byte string. */
  find(path: string): Entry | undefined {
    for (const [root, id] of this.childIds(SERVICE)) {
      if (path === root) return this.get(id);
      const inside = root.endsWith('/') ? root : `${root}/`;
      if (!path.startsWith(inside)) continue;
      let at: number | undefined = id;
      for (const name of path.slice(inside.length).split('/')) {
        at = this.childId(at, name);
        if (at === undefined) return undefined;
      }
      return this.get(at);
    }
    return undefined;
  }

  /** Each entry with its path, a directory before what is below it, siblings by their names; the roots too. */
  *walk(): IterableIterator<[path: string, entry: Entry]> {
    for (const root of this.children(SERVICE)) {
      yield [root.nameKey, root];
      yield* this.walkBelow(root.id, root.nameKey);
    }
  }

  /** The same for what is below a directory. */
  *walkBelow(id: number, path: string): IterableIterator<[path: string, entry: Entry]> {
    const pending = [{ path, children: this.children(id) }];
    for (let here = pending.at(-1); here; here = pending.at(-1)) {
      const next = here.children.next();
      if (next.done) {
        pending.pop();
        continue;
      }
      const path = below(here.path, next.value.nameKey);
      yield [path, next.value];
      if (next.value.isDirectory) pending.push({ path, children: this.children(next.value.id) });
    }
  }

  /** Puts an entry in the place of the one with its id, if there is one. */
  put(entry: Entry): void {
    if (!this.get(entry.id)) this.setCount(this.count + 1);
    this.setChanged(entry.id, entry);
  }

  /** Removes an entry; its children, and its parent's, are the caller's affair. */
  drop(id: number): void {
    if (!this.get(id)) return;
    this.setCount(this.count - 1);
    this.setChanged(id, this.place(id) ? null : undefined);
    const touched = this.touched.get(id);
    if (!touched) return;
    this.touched.delete(id);
    this.undo.push(() => this.touched.set(id, touched));
  }

  /** Makes an entry a directory's child, if the name is free. */
  link(parent: number, name: string, id: number): boolean {
    const children = this.childrenToChange(parent);
    if (children.has(name)) return children.get(name) === id;
    children.set(name, id);
    this.undo.push(() => children.delete(name));
    return true;
  }

  /** Makes it none. */
  unlink(parent: number, name: string): void {
    const children = this.childrenToChange(parent);
    const id = children.get(name);
    if (id === undefined) return;
    children.delete(name);
    this.undo.push(() => children.set(name, id));
  }

  /** Sets the digest of all roots. */
  setDigest(digest: bigint): void {
    const before = this.digest;
    this.digest = digest;
    this.undo.push(() => {
      this.digest = before;
    });
  }

  private setCount(count: number): void {
    const before = this.count;
    this.count = count;
    this.undo.push(() => {
      this.count = before;
    });
  }

  private setChanged(id: number, entry: Entry | null | undefined): void {
    const before = this.changed.get(id);
    this.undo.push(() => setOrDelete(this.changed, id, before));
    setOrDelete(this.changed, id, entry);
  }

  private childrenToChange(parent: number): Map<string, number> {
    let children = this.touched.get(parent);
    if (!children) {
      children = this.untouched(parent);
      this.touched.set(parent, children);
      this.undo.push(() => this.touched.delete(parent));
    }
    return children;
  }

  /** Lets everything since the last one stand. */
  commit(): void {
    this.undo = [];
  }

  /** Takes it back. */
  rollback(): void {
    for (const step of this.undo.reverse()) step();
    this.undo = [];
  }
}

function childRows({ snapshot, row }: Place): [first: number, end: number] {
  const number = snapshot.directoryNumber(row);
  const { rows, firstChildren, childCounts } = snapshot.directories;
  if (rows[number] !== row) return [0, 0];
  const first = firstChildren[number] as number;
  return [first, first + (childCounts[number] as number)];
}

function setOrDelete<Value>(map: Map<number, Value>, id: number, value: Value | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}

/** A sum of digests. */
export function add(digest: bigint, weight: bigint): bigint {
  return BigInt.asUintN(U128, digest + weight);
}

/** What an entry adds to its parent's digest; a root, to the service's (QTN1.md, section 6). */
export function weigh(entry: Entry): bigint {
  const name = bytesOf(entry.nameKey);
  const bytes = new Uint8Array(HEAD_BYTES + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entry.mode, true);
  view.setBigUint64(4, entry.size, true);
  view.setBigInt64(12, entry.mtimeNs, true);
  view.setBigUint64(DIGEST_AT, BigInt.asUintN(64, entry.digest), true);
  view.setBigUint64(DIGEST_AT + 8, entry.digest >> 64n, true);
  bytes.set(name, HEAD_BYTES);
  return hash128(entry.parent === SERVICE ? bytes.subarray(HEAD_BYTES - DIGEST_BYTES) : bytes);
}
