/**
 * Applies batches and deltas to a tree (QTN1.md, section 4).
 *
 * Law: all records together or none; only the result is checked, and the offset of an error is its record's index.
 */

import type { Batch, Delta } from './batch.js';
import { Entry } from './entry.js';
import { OutOfStepError, QtnError } from './errors.js';
import type { Records } from './records.js';
import { add, type Tree, weigh } from './tree.js';
import * as wire from './wire.js';

/** Applies a batch. False: it was known already. Throws, and leaves the tree as it was, where it does not follow. */
export function applyBatch(tree: Tree, batch: Batch): boolean {
  if (batch.epoch !== tree.epoch) throw new OutOfStepError('epoch');
  if (batch.toSeq <= tree.seq) return false;
  if (batch.fromSeq > tree.seq) throw new OutOfStepError('gap');
  wholly(tree, () => {
    new Application(tree, batch.records).run();
    if (batch.digestLow !== null && batch.digestLow !== BigInt.asUintN(64, tree.digest))
      throw new OutOfStepError('digest');
  });
  tree.seq = batch.toSeq;
  return true;
}

/** Applies a change that has no clock; the caller knows that it fits. */
export function applyDelta(tree: Tree, delta: Delta): void {
  wholly(tree, () => new Application(tree, delta.records).run());
}

function wholly(tree: Tree, change: () => void): void {
  try {
    change();
  } catch (error) {
    tree.rollback();
    throw error;
  }
  tree.commit();
}

class Application {
  /** What each entry that was looked at now counts for in its parent's digest. */
  private readonly counted = new Map<number, bigint>();
  /** Directories that lost a child. */
  private readonly orphaned = new Set<number>();
  /** By id, the index of each record that is no deletion. */
  private readonly told = new Map<number, number>();

  constructor(
    private readonly tree: Tree,
    private readonly records: Records,
  ) {}

  run(): void {
    const { ids, masks } = this.records;
    for (let i = 0; i < ids.length; i++) if (masks[i] !== wire.MASK_DELETED) this.told.set(ids[i] as number, i);
    for (let i = 0; i < ids.length; i++) if (this.says(i, wire.MASK_DELETED | wire.MASK_PLACE)) this.detach(i);
    for (const index of this.told.values()) this.setValues(index);
    for (const index of this.told.values()) if (this.says(index, wire.MASK_PLACE)) this.place(index);
    this.remove();
    this.weighAll();
  }

  private says(index: number, bits: number): boolean {
    return ((this.records.masks[index] as number) & bits) !== 0;
  }

  /** The entry, whose weight is known from here on. */
  private own(id: number, index: number): Entry {
    const entry = this.tree.get(id);
    if (!entry) throw new QtnError('parent', index);
    if (!this.counted.has(id)) this.counted.set(id, weigh(entry));
    return entry;
  }

  private addTo(parent: number, weight: bigint): void {
    const entry = parent === wire.SERVICE ? undefined : this.own(parent, 0);
    if (entry) this.tree.put(entry.with({ digest: add(entry.digest, weight) }));
    else this.tree.setDigest(add(this.tree.digest, weight));
  }

  private detach(index: number): void {
    const id = this.records.ids[index] as number;
    if (!this.tree.get(id)) return;
    const { parent, nameKey } = this.own(id, index);
    this.tree.unlink(parent, nameKey);
    this.addTo(parent, -(this.counted.get(id) as bigint));
    this.counted.set(id, 0n);
    this.orphaned.add(parent);
  }

  private setValues(index: number): void {
    const { ids, masks, modes, sizes, times } = this.records;
    const id = ids[index] as number;
    const held = this.tree.get(id);
    if (!held && masks[index] !== wire.MASK_ALL) throw new QtnError('incomplete-record', index);
    if (held) this.own(id, index);
    else this.counted.set(id, 0n);
    const mode = modes[index] as number;
    const before = held ?? new Entry(id, wire.SERVICE, '', mode, 0n, 0n, 0n);
    if (this.says(index, wire.MASK_MODE) && wire.isDirectory(mode) !== before.isDirectory)
      throw new QtnError('type-turned', index);
    const entry = before.with({
      mode: this.says(index, wire.MASK_MODE) ? mode : before.mode,
      size: this.says(index, wire.MASK_SIZE) ? (sizes[index] as bigint) : before.size,
      mtimeNs: this.says(index, wire.MASK_MTIME) ? (times[index] as bigint) : before.mtimeNs,
    });
    if (entry.isDirectory && entry.size !== 0n) throw new QtnError('directory-size', index);
    this.tree.put(entry);
  }

  private place(index: number): void {
    const { ids, parents, names } = this.records;
    const parent = parents[index] as number;
    const nameKey = names[index] as string;
    const entry = this.own(ids[index] as number, index).with({ parent, nameKey });
    const under = parent === wire.SERVICE ? entry : this.own(parent, index);
    if (!under.isDirectory) throw new QtnError('parent', index);
    if (!this.tree.link(parent, nameKey, entry.id)) throw new QtnError('name-twice', index);
    this.tree.put(entry);
  }

  /** What was deleted goes, with what is still below it. */
  private remove(): void {
    const { ids } = this.records;
    const pending = [...ids].filter((_, i) => this.says(i, wire.MASK_DELETED));
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      const index = this.told.get(id);
      if (index !== undefined) throw new QtnError('below-deleted', index);
      for (const child of this.tree.childIds(id).values()) pending.push(child);
      this.tree.drop(id);
    }
  }

  /** Checks that everything told hangs from a root, and brings the digests above it up to date, from below. */
  private weighAll(): void {
    const depths = new Map<number, number>();
    for (const [id, index] of this.told) this.climb(id, index, depths);
    for (const id of this.orphaned) if (this.tree.get(id)) this.climb(id, undefined, depths);
    for (const [id] of [...depths].sort(([, one], [, other]) => other - one)) {
      const entry = this.own(id, 0);
      const weight = weigh(entry);
      this.addTo(entry.parent, weight - (this.counted.get(id) as bigint));
      this.counted.set(id, weight);
    }
  }

  /** Notes how deep an entry and all above it are. Those that lost a child may be deeper than is allowed: one was moved. */
  private climb(from: number, index: number | undefined, depths: Map<number, number>): void {
    const chain = new Set<number>();
    let id = from;
    for (; id !== wire.SERVICE && !depths.has(id); id = this.own(id, 0).parent) {
      if (index !== undefined && chain.has(id)) throw new QtnError('below-itself', index);
      if (index !== undefined && chain.size > wire.DEPTH_MAX) throw new QtnError('too-deep', index);
      chain.add(id);
    }
    const depth = (depths.get(id) ?? 0) + chain.size;
    if (index !== undefined && depth > wire.DEPTH_MAX + 1) throw new QtnError('too-deep', index);
    let left = depth;
    for (const one of chain) depths.set(one, left--);
  }
}
