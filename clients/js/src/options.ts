/** What a caller may choose, and addresses made of it. */

import { SmartTreeError } from './errors.js';

/** Options of every connection and call. */
export interface ClientOptions {
  /** Sent as `Authorization: Bearer`; never in an address, and in no error's text. */
  readonly token?: string;
  /** What makes requests; `globalThis.fetch` by default. `nodeFetch` trusts other certificates. */
  readonly fetch?: typeof globalThis.fetch;
  /** Ends everything that was begun with these options. */
  readonly signal?: AbortSignal;
  /** A stream on which nothing has come for so long is dead: 45 s by default, three heartbeats. */
  readonly silenceMs?: number;
  /** How long a call may take: 30 s by default. */
  readonly requestTimeoutMs?: number;
  /** The longest wait between two attempts to connect: 30 s by default. */
  readonly retryMaxMs?: number;
  /** The largest event that is taken: 256 MiB by default. */
  readonly maxEventBytes?: number;
  /** The largest batch of events, or answer to a call, that is taken: 512 MiB by default. */
  readonly maxBatchBytes?: number;
  /** The most entries of a tree: what has more is refused before anything is allocated. */
  readonly maxEntries?: number;
}

/** What part of a stream is asked for (HTTP.md, section 1). Lists become parameters given several times. */
export interface StreamQuery {
  /** A clock to resume from. */
  readonly since?: string;
  /** A root, or a directory below one: only that. */
  readonly path?: string;
  /** Which events, by commas. */
  readonly events?: string;
  readonly mode?: string;
  readonly tree?: 'full' | 'manifest' | 'none';
  readonly only?: 'content';
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly types?: readonly string[];
  /** In the place of a token. */
  readonly ticket?: string;
}

/** The options with everything that has a default. */
export type Settings = Required<Omit<ClientOptions, 'token' | 'signal' | 'maxEntries'>> & ClientOptions;

const MIB = 1 << 20;

/** Fills in what was not chosen. */
export function settings(options: ClientOptions): Settings {
  if (options.token !== undefined && !/^[\x21-\x7e]+$/.test(options.token))
    throw new SmartTreeError('bad-token', 'a token is of visible ASCII letters');
  return {
    fetch: (input, init) => globalThis.fetch(input, init),
    silenceMs: 45_000,
    requestTimeoutMs: 30_000,
    retryMaxMs: 30_000,
    maxEventBytes: 256 * MIB,
    maxBatchBytes: 512 * MIB,
    ...options,
  };
}

/** The address of an endpoint of the server at `base`. */
export function endpoint(base: string | URL, path: string, query: object = {}): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
  url.search = '';
  url.hash = '';
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) url.searchParams.append(name, one === true ? '1' : one === false ? '0' : String(one));
  return url;
}

/** The headers that say who asks. */
export function authorization({ token }: ClientOptions): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}
