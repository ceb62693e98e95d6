/**
 * A live mirror of a remote tree.
 *
 * Law: what can be asked here is at every moment the tree of one clock, the last one that was right. Whatever can't go on
 * is asked for anew, and said; nothing is missed by who subscribes.
 */

import { Api } from './api.js';
import type { TreeChange } from './difference.js';
import { type Entry, readable, utf8ByteString } from './entry.js';
import {
  CallError,
  ConnectionLostError,
  OutOfStepError,
  ProblemError,
  QtnError,
  type SmartTreeError,
  StreamEndedError,
} from './errors.js';
import { parseTree, type TreeEvent } from './events.js';
import { Glob } from './glob.js';
import { Handoff } from './handoff.js';
import { load } from './kernel.js';
import type { GroupAddress } from './manifest.js';
import type { ClientOptions, StreamQuery } from './options.js';
import { GroupsGoneError, type Opening, Replica } from './replica.js';
import type { StreamBatch } from './sse.js';
import { RawStream } from './stream.js';
import type { Tree } from './tree.js';
import { SERVICE } from './wire.js';

/** Why everything was replaced. */
export type Reason = 'initial' | 'server' | 'gap' | 'epoch' | 'digest' | 'damaged';

/** What a mirror tells of itself. */
export interface MirrorEvents {
  /** Everything was replaced; `fetched` groups came singly. */
  rebased: { reason: Reason; clock: string; fetched: number };
  /** The tree is of another clock now. */
  applied: { clock: string };
  /** The connection has ended, and will be made again. */
  lost: { error: SmartTreeError };
}

/** What of the tree is mirrored. */
export type MirrorQuery = Pick<StreamQuery, 'path' | 'include' | 'exclude' | 'types' | 'ticket'>;

/** Is told the changes of a batch that match. The mirror waits for it before it goes on. */
export type ChangeListener = (changes: readonly TreeChange[]) => void | Promise<void>;

interface Subscription {
  readonly globs: readonly Glob[];
  readonly listener: ChangeListener;
}

/** A live mirror. `Mirror.open` makes one. */
export class Mirror implements AsyncDisposable, Iterable<[path: string, entry: Entry]> {
  /** Resolves when the mirror was closed; rejects when its stream has ended for good. */
  readonly closed: Promise<void>;

  private readonly replica: Replica;
  private readonly stream: RawStream;
  private readonly api: Api;
  private readonly closing = new AbortController();
  private readonly subscriptions = new Set<Subscription>();
  private readonly listeners: { [Name in keyof MirrorEvents]: Set<(told: MirrorEvents[Name]) => void> } = {
    rebased: new Set(),
    applied: new Set(),
    lost: new Set(),
  };
  private reason: Reason | undefined;
  private wrong = 0; // times in a row that something had to be asked for anew

  /** Begins to mirror; there is a tree once `ready` has been told. Most callers want `Mirror.open`. */
  constructor(
    base: string | URL,
    private readonly query: MirrorQuery = {},
    options: ClientOptions = {},
  ) {
    const { signal } = this.closing;
    if (options.signal?.aborted) this.closing.abort(options.signal.reason);
    options.signal?.addEventListener('abort', () => this.closing.abort(options.signal?.reason), { signal });
    this.replica = new Replica(options);
    this.api = new Api(base, { ...options, signal });
    this.stream = new RawStream(base, this.asked('full'), { ...options, signal });
    this.stream.onlost = (error) => this.tell('lost', { error });
    this.closed = this.run();
    this.closed.catch(() => {});
  }

  /** Opens a mirror, and resolves when it has its first tree. */
  static async open(base: string | URL, query: MirrorQuery = {}, options: ClientOptions = {}): Promise<Mirror> {
    const mirror = new Mirror(base, query, options);
    const { promise, resolve } = deferred();
    mirror.on('rebased', resolve);
    await Promise.race([promise, mirror.closed]);
    options.signal?.throwIfAborted();
    return mirror;
  }

  /** Hears of the mirror itself. What is returned ends that. */
  on<Name extends keyof MirrorEvents>(name: Name, listener: (told: MirrorEvents[Name]) => void): () => void {
    this.listeners[name].add(listener);
    return () => this.listeners[name].delete(listener);
  }

  /** The tree that is held, for all that is not here. It changes with the next batch. */
  get tree(): Tree {
    if (!this.replica.tree) throw new StreamEndedError('not-ready', 'there is no tree yet: await Mirror.open');
    return this.replica.tree;
  }

  /** The clock that the tree is of. */
  get clock(): string {
    return this.tree.clock;
  }

  /** The digest of all roots together, 32 hex digits. */
  get digest(): string {
    return this.tree.digest.toString(16).padStart(32, '0');
  }

  /** How many entries there are, the roots counted. */
  get count(): number {
    return this.tree.count;
  }

  /** The roots, by path. */
  get roots(): Entry[] {
    return [...this.tree.children(SERVICE)];
  }

  /** The entry at an absolute path. */
  get(path: string): Entry | undefined {
    return this.tree.find(utf8ByteString(path));
  }

  /** What is in the directory at a path, by name; nothing where there is none. */
  children(path: string): Entry[] {
    const directory = this.get(path);
    return directory ? [...this.tree.children(directory.id)] : [];
  }

  /** The absolute path of an entry, U+FFFD where that is no UTF-8. */
  path(entry: Entry): string {
    return readable(this.tree.path(entry.id));
  }

  /** All entries with their paths, a directory before what is in it. Not to be held over an `await`. */
  *[Symbol.iterator](): IterableIterator<[path: string, entry: Entry]> {
    for (const [path, entry] of this.tree.walk()) yield [readable(path), entry];
  }

  /** Hears each change of what the globs match, at its old or new path. What is returned ends that. */
  subscribe(globs: string | readonly string[], listener: ChangeListener): () => void {
    const subscription = { globs: [globs].flat().map((glob) => new Glob(glob)), listener };
    this.subscriptions.add(subscription);
    return () => this.subscriptions.delete(subscription);
  }

  /** The same as an iteration. The mirror waits for whoever iterates: what comes meanwhile waits in the server. */
  async *changes(globs: string | readonly string[]): AsyncGenerator<TreeChange, void, void> {
    const handoff = new Handoff<readonly TreeChange[]>();
    const unsubscribe = this.subscribe(globs, (changes) => handoff.give(changes));
    const end = this.closed.finally(() => handoff.close());
    end.catch(() => {});
    try {
      for await (const changes of handoff) yield* changes;
      await end;
    } finally {
      unsubscribe();
      handoff.close();
    }
  }

  /** Ends it, and everything that it has begun. What it holds can still be asked. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.closed.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private asked(tree: 'full' | 'manifest'): StreamQuery {
    return { ...this.query, events: 'tree,quantum', mode: 'quantum', tree };
  }

  private async run(): Promise<void> {
    await load();
    for await (const batch of this.stream) {
      try {
        await this.take(batch);
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.askAnew(error);
      }
    }
  }

  /** What to do about what was of no use; throws what is nobody's fault but ours. */
  private askAnew(error: unknown): void {
    const outOfStep = error instanceof OutOfStepError ? (error.code as Reason) : undefined;
    const isGone = error instanceof GroupsGoneError;
    const isDamaged = error instanceof QtnError || error instanceof ConnectionLostError;
    if (isDamaged || outOfStep) this.reason = outOfStep ?? 'damaged';
    else if (!isGone && !(error instanceof FetchFailure)) throw error;
    const whole = isGone || (error instanceof QtnError && error.code === 'address');
    this.stream.restart(this.asked(whole || !this.replica.tree ? 'full' : 'manifest'), this.wrong++);
  }

  private async take(batch: StreamBatch): Promise<void> {
    const trees = batch.events.flatMap((event) => (event.event === 'tree' ? [parseTree(event.data)] : []));
    if (trees.length > 0) await this.open(trees, batch.clock);
    for (const event of batch.events) {
      if (event.event !== 'quantum') continue;
      const changes = this.replica.apply(event.data, this.subscriptions.size > 0);
      if (!changes) continue;
      this.wrong = 0;
      await this.hand(changes);
      this.tell('applied', { clock: this.clock });
    }
    this.replica.advance(batch.clock);
  }

  private async open(trees: readonly TreeEvent[], clock: string): Promise<void> {
    const opening: Opening = await this.replica.prepare(trees, clock, (group) => this.fetchGroup(group));
    const reason = this.replica.tree ? (this.reason ?? 'server') : 'initial';
    this.reason = undefined;
    const changes = this.replica.replace(opening, this.subscriptions.size > 0);
    this.stream.nextQuery(this.asked('manifest'));
    this.tell('rebased', { reason, clock, fetched: opening.fetched });
    await this.hand(changes);
    this.tell('applied', { clock });
  }

  private async fetchGroup(group: GroupAddress): Promise<Uint8Array | undefined> {
    try {
      return await this.api.chunk(group.address, group.storedSize);
    } catch (error) {
      if (error instanceof CallError && error.code === 'too-large') throw new QtnError('address', 0);
      if (error instanceof ProblemError && error.status === 404) return undefined;
      throw new FetchFailure('a group could not be fetched', { cause: error });
    }
  }

  private async hand(changes: readonly TreeChange[]): Promise<void> {
    if (changes.length === 0) return;
    for (const { globs, listener } of this.subscriptions) {
      const matches = (inner: string): boolean => globs.some((glob) => glob.matches(inner));
      const wanted = changes.filter((change) => change.isAt(matches));
      if (wanted.length > 0) await listener(wanted);
    }
  }

  private tell<Name extends keyof MirrorEvents>(name: Name, told: MirrorEvents[Name]): void {
    for (const listener of this.listeners[name]) listener(told);
  }
}

/** A group could not be fetched for a reason that may pass. */
class FetchFailure extends Error {}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
