/** The server's calls by their names, and what they take and answer (HTTP.md, sections 2 to 11). */

import { Caller, checkProtocol } from './calls.js';
import { CallError } from './errors.js';
import type { ChangeEvent, TreeEvent, TreeStats } from './events.js';
import type { ClientOptions } from './options.js';

/** `GET /tree`. */
export interface TreeQuery {
  readonly path?: string;
  readonly mode?: string;
  readonly depth?: number;
  readonly tree?: 'full' | 'manifest';
  readonly sync?: boolean;
}

/** `GET /changes`. */
export interface ChangesQuery {
  readonly since: string;
  /** Seconds. */
  readonly wait?: number;
  readonly sync?: boolean;
  readonly path?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly types?: readonly string[];
  readonly only?: 'content';
}

/** What has changed since a clock. */
export interface Changes {
  readonly clock: string;
  readonly from: string;
  readonly complete: boolean;
  readonly changes: readonly Omit<ChangeEvent, 'delta'>[];
}

/** `GET /stats`; more fields in HTTP.md, section 3. */
export interface Stats extends TreeStats {
  readonly path?: string;
  readonly clock: string;
  readonly [field: string]: unknown;
}

/** `GET /search`. */
export interface SearchQuery {
  readonly q?: string;
  readonly in?: 'content' | 'name';
  readonly regex?: boolean;
  readonly case?: 'smart' | 'sensitive' | 'ignore';
  readonly path?: string;
  readonly glob?: readonly string[];
  readonly context?: number;
  readonly limit?: number;
  readonly timeout_ms?: number;
  readonly sync?: boolean;
}

/** A line of `rg --json`. */
export interface SearchMessage {
  readonly type: 'begin' | 'match' | 'context' | 'end' | 'entry' | 'summary';
  readonly data: { readonly [field: string]: unknown };
}

/** `GET /clock`. */
export interface Clock {
  readonly clock: string;
  readonly protocol: number;
  readonly version: string;
  readonly degraded: boolean;
}

/** What became of a root that was added or removed. */
export interface WatchAnswer {
  readonly path: string;
  readonly clock: string;
  readonly changed: boolean;
}

/** A root. */
export interface Root extends TreeStats {
  readonly path: string;
  readonly state: 'ready' | 'scanning' | 'missing' | 'unreadable';
  readonly entries: number;
}

/** The roots. */
export interface Roots {
  readonly roots: readonly Root[];
  readonly bases: readonly string[];
  readonly clock: string;
}

/** What an `EventSource` has in the place of a token. */
export interface Ticket {
  readonly ticket: string;
  readonly first_use_s: number;
}

const SEARCH_MS = 10_000; // how long a search takes at most, where it is not said

/** The calls of one server. */
export class Api {
  private readonly caller: Caller;

  /** `base`: the server's address. */
  constructor(base: string | URL, options: ClientOptions = {}) {
    this.caller = new Caller(base, options);
  }

  /** The tree now, in any mode. */
  async tree(query: TreeQuery = {}): Promise<Omit<TreeEvent, 'reason'>> {
    return checkProtocol((await this.caller.json({ path: 'tree', query })) as TreeEvent);
  }

  /** What has changed since a clock. With `wait`, once there is something. */
  async changes(query: ChangesQuery): Promise<Changes> {
    const waitsMs = Number(query.wait ?? 0) * 1000;
    return (await this.caller.json({ path: 'changes', query, waitsMs })) as Changes;
  }

  /** Counts, sizes, what is busy. */
  async stats(query: { readonly path?: string; readonly window?: string } = {}): Promise<Stats> {
    return (await this.caller.json({ path: 'stats', query })) as Stats;
  }

  /** What is found, as it is found; the last one is the summary. Ending the iteration ends the search. */
  async *search(query: SearchQuery): AsyncGenerator<SearchMessage, void, void> {
    const waitsMs = Number(query.timeout_ms ?? SEARCH_MS);
    let last: SearchMessage | undefined;
    for await (const line of this.caller.lines({ path: 'search', query, waitsMs })) {
      last = line as SearchMessage;
      yield last;
    }
    if (last?.type !== 'summary') throw new CallError('cut-off', 'the answer has no end: it was cut off');
  }

  /** The clock; with `sync`, once everything that already happened has been told. */
  async clock(query: { readonly sync?: boolean } = {}): Promise<Clock> {
    return checkProtocol((await this.caller.json({ path: 'clock', query })) as Clock);
  }

  /** The roots. */
  async roots(): Promise<Roots> {
    return (await this.caller.json({ path: 'watch' })) as Roots;
  }

  /** One root more, told to every stream by the time this answers. */
  async watch(path: string): Promise<WatchAnswer> {
    return (await this.caller.json({ path: 'watch', method: 'POST', body: { path } })) as WatchAnswer;
  }

  /** One root less. */
  async unwatch(path: string): Promise<WatchAnswer> {
    return (await this.caller.json({ path: 'watch', method: 'DELETE', body: { path } })) as WatchAnswer;
  }

  /** A ticket, for which a token is needed. */
  async ticket(): Promise<Ticket> {
    return (await this.caller.json({ path: 'ticket', method: 'POST' })) as Ticket;
  }

  /** A group of columns that a manifest has named; of so many bytes, and never more. */
  async chunk(address: bigint, maxBytes: number): Promise<Uint8Array> {
    const path = `chunk/${address.toString(16).padStart(32, '0')}`;
    return this.caller.bytes({ path, accept: '*/*', maxBytes });
  }
}
