/**
 * What differs between two states of a tree, path by path: of a batch, and of a whole tree that was replaced.
 *
 * Law: an entry is known by its id where ids mean the same in both, else by its path. What lies below a directory that
 * is deleted, moved or created is told one by one.
 */

import { below, bytesOf, type Entry, readable } from './entry.js';
import type { Records } from './records.js';
import type { Location, Tree } from './tree.js';
import { MASK_DELETED, MASK_PLACE, SERVICE } from './wire.js';

/** What has happened to an entry. */
export type ChangeType = 'created' | 'modified' | 'deleted' | 'renamed';

/** One change of one entry. */
export class TreeChange {
  constructor(
    readonly type: ChangeType,
    /** The entry as it is now; as it was, where it is gone. */
    readonly entry: Entry,
    private readonly location: Location,
    private readonly oldLocation?: Location,
  ) {}

  /** Its absolute path, U+FFFD where that is no UTF-8. */
  get path(): string {
    return readable(pathOf(this.location));
  }

  /** Its absolute path as it is. */
  get pathBytes(): Uint8Array {
    return bytesOf(pathOf(this.location));
  }

  /** Where it was, of a rename. */
  get oldPath(): string | undefined {
    return this.oldLocation && readable(pathOf(this.oldLocation));
  }

  /** The same as it is. */
  get oldPathBytes(): Uint8Array | undefined {
    return this.oldLocation && bytesOf(pathOf(this.oldLocation));
  }

  /** Whether its path below its root, or the one that it had, is as the test wants it; a byte string. */
  isAt(test: (inner: string) => boolean): boolean {
    return test(this.location.inner) || (this.oldLocation !== undefined && test(this.oldLocation.inner));
  }
}

function pathOf({ root, inner }: Location): string {
  return inner === '' ? root : below(root, inner);
}

interface Place {
  readonly location: Location;
  readonly entry: Entry;
}

/** Entries by id, where they are. */
export type Places = Map<number, Place>;

/** Where everything is that these records may change. Taken before they are applied and after, the two tell the changes. */
export function placesTold(tree: Tree, records: Records): Places {
  const places: Places = new Map();
  for (const [index, id] of records.ids.entries()) {
    const entry = tree.get(id);
    if (!entry) continue;
    const place = { location: tree.locate(id), entry };
    const goes = ((records.masks[index] as number) & (MASK_DELETED | MASK_PLACE)) !== 0;
    if (goes) addAll(places, tree, place);
    else places.set(id, place);
  }
  return places;
}

function addAll(places: Places, tree: Tree, place: Place): void {
  places.set(place.entry.id, place);
  if (!place.entry.isDirectory) return;
  const { root, inner } = place.location;
  for (const [path, entry] of tree.walkBelow(place.entry.id, inner === '' ? '/' : inner))
    places.set(entry.id, { location: { root, inner: inner === '' ? path.slice(1) : path }, entry });
}

/** The changes from one to the other: what is gone first, from below; then what moved, came and was modified, by path. */
export function changesBetween(before: Places, after: Places): TreeChange[] {
  const changes: TreeChange[] = [];
  for (const [id, { entry, location }] of before) {
    const now = after.get(id);
    if (!now) {
      changes.push(new TreeChange('deleted', entry, location));
      continue;
    }
    const moved = pathOf(now.location) !== pathOf(location);
    if (moved) changes.push(new TreeChange('renamed', now.entry, now.location, location));
    if (isModified(entry, now.entry)) changes.push(new TreeChange('modified', now.entry, now.location));
  }
  for (const [id, { entry, location }] of after)
    if (!before.has(id)) changes.push(new TreeChange('created', entry, location));
  return sorted(changes);
}

function isModified(before: Entry, after: Entry): boolean {
  if (before.mode !== after.mode) return true;
  return !after.isDirectory && (before.size !== after.size || before.mtimeNs !== after.mtimeNs);
}

const ORDER: readonly ChangeType[] = ['deleted', 'renamed', 'created', 'modified'];

function sorted(changes: TreeChange[]): TreeChange[] {
  const byType = ORDER.map((type) => {
    const keyed = changes.filter((change) => change.type === type).map((change) => ({ change, key: change.path }));
    const ascending = keyed.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
    return (type === 'deleted' ? ascending.reverse() : ascending).map(({ change }) => change);
  });
  return byType.flat();
}

/** The changes from one tree to the one that replaces it. */
export function treeChanges(before: Tree, after: Tree): TreeChange[] {
  const walk = new Comparison(before, after);
  walk.directories(SERVICE, SERVICE, '', '');
  if (before.epoch === after.epoch) return [...changesBetween(walk.gone, walk.come), ...walk.modified];
  const nothing: Places = new Map();
  return [...changesBetween(walk.gone, nothing), ...changesBetween(nothing, walk.come), ...walk.modified];
}

class Comparison {
  readonly gone: Places = new Map();
  readonly come: Places = new Map();
  /** What has other values at the same path, and is known by that alone. */
  readonly modified: TreeChange[] = [];
  private readonly sameIds: boolean;

  constructor(
    private readonly before: Tree,
    private readonly after: Tree,
  ) {
    this.sameIds = before.epoch === after.epoch;
  }

  /** Compares what is in the directories of one path. */
  directories(before: number, after: number, root: string, inner: string): void {
    const [old, now] = [this.before.childIds(before), this.after.childIds(after)];
    for (const [name, id] of old) {
      const location = child(before, root, inner, name);
      const entry = this.before.get(id) as Entry;
      const other = this.after.get(now.get(name) ?? SERVICE);
      if (other && this.isSame(entry, other)) this.pair(entry, other, location);
      else addAll(this.gone, this.before, { entry, location });
    }
    for (const [name, id] of now) {
      const entry = this.after.get(id) as Entry;
      const other = this.before.get(old.get(name) ?? SERVICE);
      if (!other || !this.isSame(other, entry))
        addAll(this.come, this.after, { entry, location: child(after, root, inner, name) });
    }
  }

  /** Whether two entries at one path are one: by their ids, unless neither is in the other tree. */
  private isSame(before: Entry, after: Entry): boolean {
    if (before.isDirectory !== after.isDirectory) return false;
    if (!this.sameIds || before.id === after.id) return true;
    return !this.after.get(before.id) && !this.before.get(after.id);
  }

  private pair(before: Entry, after: Entry, location: Location): void {
    if (isModified(before, after)) {
      if (this.sameIds && before.id === after.id) {
        this.gone.set(before.id, { entry: before, location });
        this.come.set(after.id, { entry: after, location });
      } else this.modified.push(new TreeChange('modified', after, location));
    }
    if (before.isDirectory && before.digest !== after.digest)
      this.directories(before.id, after.id, location.root, location.inner);
  }
}

function child(parent: number, root: string, inner: string, name: string): Location {
  if (parent === SERVICE) return { root: name, inner: '' };
  return { root, inner: inner === '' ? name : `${inner}/${name}` };
}
