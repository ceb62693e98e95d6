/**
 * A server's stream as listeners hear it, and as an iteration; with its calls.
 *
 * Law: one connection for all listeners, from the first one on; one for each iteration.
 */

import { Api } from './api.js';
import { type Document, decodeDocument } from './document.js';
import type { SmartTreeError } from './errors.js';
import type { EventData, EventName, ServerEvent } from './events.js';
import { load } from './kernel.js';
import { type ClientOptions, endpoint, type StreamQuery } from './options.js';
import type { DecodeOptions } from './snapshot.js';
import { EventStream } from './stream.js';
import { fromText } from './text.js';

/** Decodes a text form of any kind: what `quantum`, `tree` and `change` events carry. */
export async function decompress(text: string, options: DecodeOptions = {}): Promise<Document> {
  await load();
  return decodeDocument(fromText(text), options);
}

/** What listeners hear: the server's events, and `lost` and `ended` of the connection. */
export interface ClientEvents extends EventData {
  /** The connection has ended, and will be made again. */
  lost: SmartTreeError;
  /** The stream has ended for good. With no listener for it, it is thrown where nobody can catch it. */
  ended: unknown;
}

type Listener<Name extends keyof ClientEvents> = (data: ClientEvents[Name], clock: string) => void | Promise<void>;

/** A server, by its address. */
export class SmartTreeSSE extends Api implements AsyncDisposable, AsyncIterable<ServerEvent> {
  private readonly listeners = new Map<keyof ClientEvents, Set<Listener<never>>>();
  private readonly closing: AbortController;
  private readonly options: ClientOptions;
  private readonly query: StreamQuery;
  private running: Promise<void> | undefined;

  /** `query`: what of the stream is asked for. */
  constructor(
    private readonly base: string | URL,
    options: ClientOptions & { readonly query?: StreamQuery } = {},
  ) {
    const closing = new AbortController();
    const { query = {}, ...rest } = options;
    super(base, { ...rest, signal: closing.signal });
    this.closing = closing;
    this.query = query;
    this.options = { ...rest, signal: closing.signal };
    if (options.signal?.aborted) closing.abort(options.signal.reason);
    options.signal?.addEventListener('abort', () => closing.abort(options.signal?.reason), { signal: closing.signal });
  }

  /** Hears of an event, with the clock of its batch; the first one connects. What is returned ends that. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    this.running ??= this.run();
    return () => this.off(name, listener);
  }

  /** Ends what `on` has begun. */
  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): void {
    this.listeners.get(name)?.delete(listener);
  }

  /** The batches of a stream of its own. */
  stream(query: StreamQuery = this.query): EventStream {
    return new EventStream(this.base, query, this.options);
  }

  /** The events of a stream of its own, in their order. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ServerEvent, void, void> {
    for await (const { events } of this.stream()) yield* events;
  }

  /** Decodes a text form of any kind. */
  decompress(text: string): Promise<Document> {
    const { maxEntries } = this.options;
    return decompress(text, maxEntries === undefined ? {} : { maxEntries });
  }

  /** An address for a browser's own `EventSource`, which sends no headers: with a ticket, where there is a token. */
  async eventSourceUrl(query: StreamQuery = this.query): Promise<string> {
    const ticket = this.options.token === undefined ? {} : { ticket: (await this.ticket()).ticket };
    return endpoint(this.base, 'events', { ...query, ...ticket }).href;
  }

  /** Ends every stream and call that it has begun. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async run(): Promise<void> {
    const stream = this.stream();
    stream.onlost = (error) => this.tell('lost', error, '');
    try {
      for await (const { events } of stream)
        for (const event of events) this.tell<EventName>(event.event, event.data, event.id);
    } catch (error) {
      if ((this.listeners.get('ended')?.size ?? 0) === 0) throwLoose(error);
      this.tell('ended', error, '');
    }
  }

  private tell<Name extends keyof ClientEvents>(name: Name, data: ClientEvents[Name], clock: string): void {
    for (const listener of this.listeners.get(name) ?? [])
      try {
        (listener as Listener<Name>)(data, clock);
      } catch (error) {
        throwLoose(error);
      }
  }
}

/** Throws where the runtime reports it, and nothing here is ended by it. */
function throwLoose(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
