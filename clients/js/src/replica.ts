/**
 * What a mirror holds: the tree, and the groups that it came in. No socket and no clock is known here.
 *
 * Law: it is at every moment the tree of one clock; what is refused leaves it as it was.
 */

import { applyBatch } from './apply.js';
import { type Batch, decodeBatch } from './batch.js';
import { changesBetween, placesTold, type TreeChange, treeChanges } from './difference.js';
import { QtnError } from './errors.js';
import type { TreeEvent } from './events.js';
import {
  assemble,
  decodeManifest,
  type GroupAddress,
  groupAddress,
  isGroup,
  type Manifest,
  snapshotGroups,
} from './manifest.js';
import { type DecodeOptions, decodeSnapshot, type Snapshot } from './snapshot.js';
import { fromText } from './text.js';
import { Tree } from './tree.js';

/** Fetches a group; resolves to nothing for one that can't be had. */
export type FetchGroup = (group: GroupAddress) => Promise<Uint8Array | undefined>;

/** A group that the manifest names can't be had any more: the tree has to be asked for whole. */
export class GroupsGoneError extends Error {}

/** Trees that are to take the place of the one that is held. */
export interface Opening {
  readonly tree: Tree;
  /** How many groups were fetched singly. */
  readonly fetched: number;
}

const AT_ONCE = 4; // groups that are fetched at a time
const CLOCK = /^([0-9a-f]{16})-([0-9]+)$/;

/** Holds a tree. */
export class Replica {
  /** The tree; nothing before the first `replace`. */
  tree: Tree | undefined;

  constructor(private readonly options: DecodeOptions = {}) {}

  /** Makes trees of what an opening tells, with the groups that are held; the others are fetched. */
  async prepare(events: readonly TreeEvent[], clock: string, fetchGroup: FetchGroup): Promise<Opening> {
    const documents: Uint8Array[] = [];
    let fetched = 0;
    let held: Map<bigint, Uint8Array> | undefined;
    for (const event of events) {
      if (event.manifest === undefined) {
        documents.push(fromText(event.compressed ?? ''));
        continue;
      }
      const manifest = decodeManifest(fromText(event.manifest), this.options);
      held ??= this.groups();
      fetched += await fetchLacking(manifest, held, fetchGroup);
      documents.push(
        assemble(
          manifest,
          named(manifest).map(({ address }) => held?.get(address) as Uint8Array),
        ),
      );
    }
    const snapshots = documents.map((document) => decodeSnapshot(document, this.options));
    checkOpening(events, snapshots, clock);
    return { tree: new Tree(snapshots), fetched };
  }

  private groups(): Map<bigint, Uint8Array> {
    const groups = this.tree?.snapshots.flatMap(({ document }) => snapshotGroups(document)) ?? [];
    return new Map(groups.map((group) => [groupAddress(group), group]));
  }

  /** Puts these trees in the place of everything held. `wanted`: the changes from the old ones to them are. */
  replace(opening: Opening, wanted: boolean): TreeChange[] {
    const before = this.tree;
    this.tree = opening.tree;
    return before && wanted ? treeChanges(before, opening.tree) : [];
  }

  /** Applies a batch; nothing where it was known already. Throws where it is refused, or does not follow. */
  apply(text: string, wanted: boolean): TreeChange[] | undefined {
    const tree = this.held();
    const batch: Batch = decodeBatch(fromText(text), this.options);
    const before = wanted ? placesTold(tree, batch.records) : undefined;
    if (!applyBatch(tree, batch)) return undefined;
    return before ? changesBetween(before, placesTold(tree, batch.records)) : [];
  }

  /** Moves on to a clock up to which nothing has changed of what is held. */
  advance(clock: string): void {
    const [, epoch, seq] = CLOCK.exec(clock) ?? [];
    const { tree } = this;
    if (!tree || epoch === undefined || seq === undefined || BigInt(`0x${epoch}`) !== tree.epoch) return;
    if (BigInt(seq) > tree.seq) tree.seq = BigInt(seq);
  }

  private held(): Tree {
    if (!this.tree) throw new QtnError('clock', 0);
    return this.tree;
  }
}

function named(manifest: Manifest): GroupAddress[] {
  return manifest.chunks.flatMap((chunk) => chunk.groups);
}

/** Fetches what is not held, some at a time; says how many that were. */
async function fetchLacking(
  manifest: Manifest,
  held: Map<bigint, Uint8Array>,
  fetchGroup: FetchGroup,
): Promise<number> {
  const lacking = new Map(named(manifest).map((group) => [group.address, group]));
  for (const address of held.keys()) lacking.delete(address);
  const count = lacking.size;
  const pending = lacking.values();
  const fetchNext = async (): Promise<void> => {
    for (const group of pending) {
      const bytes = await fetchGroup(group);
      if (!bytes) throw new GroupsGoneError();
      if (!isGroup(bytes, group)) throw new QtnError('address', 0);
      held.set(group.address, bytes);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, fetchNext));
  } finally {
    lacking.clear(); // where one has failed, the others fetch no more
  }
  return count;
}

/** Each snapshot is of the opening's clock, and says the same digest as its event. */
function checkOpening(events: readonly TreeEvent[], snapshots: readonly Snapshot[], clock: string): void {
  for (const [index, snapshot] of snapshots.entries()) {
    const { digest } = events[index] as TreeEvent;
    if (snapshot.clock !== clock) throw new QtnError('clocks-differ', index);
    if (digest !== null && digest !== snapshot.digest.toString(16).padStart(32, '0'))
      throw new QtnError('digest', index);
  }
}
