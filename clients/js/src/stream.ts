/**
 * The stream of a server: batches of events, over as many connections as it takes.
 *
 * Law: each batch is handed on whole and once. Nothing is read ahead of who iterates: who is slow holds back the server,
 * which can bear it. Whatever ends the iteration leaves no connection and no timer.
 */

import { type Attempts, backoffMs } from './backoff.js';
import { ConnectionLostError, type SmartTreeError, StreamEndedError } from './errors.js';
import { type EventBatch, parseEvent } from './events.js';
import { authorization, type ClientOptions, endpoint, type Settings, type StreamQuery, settings } from './options.js';
import { Batcher, SseParser, type StreamBatch } from './sse.js';
import { Deadline, sleep } from './timing.js';

const TRY_AGAIN = new Set([408, 425, 429]);

/** An endless, resuming iteration over batches, which `read` makes of what came. It can be iterated over once. */
export abstract class ResumingStream<Batch> implements AsyncIterable<Batch> {
  /** Is told when a connection has ended that will be made again. */
  onlost: ((error: SmartTreeError) => void) | undefined;

  private readonly settings: Settings;
  private readonly closing = new AbortController();
  private clock = '';
  private retryMs: number | null = null;
  private retryAfter: string | null = null;
  private inVain = 0;
  private restarts: number | null = null;

  /** `base`: the server's address; `query`: what is asked for. */
  constructor(
    private readonly base: string | URL,
    private query: StreamQuery = {},
    options: ClientOptions = {},
  ) {
    this.settings = settings(options);
    endpoint(base, 'events', query);
    const { signal } = options;
    if (signal?.aborted) this.closing.abort();
    signal?.addEventListener('abort', () => this.close(), { signal: this.closing.signal });
  }

  /** What is handed on. A ConnectionLostError from here has the batch sent again. */
  protected abstract read(batch: StreamBatch): Batch;

  /** Ends the iteration, at once. */
  close(): void {
    this.closing.abort();
  }

  /**
   * Drops the connection, forgets the clock, and asks for something else from then on. `inVain`: how many times in a row
   * this was of no use; the first time it is done without a wait.
   */
  restart(query: StreamQuery, inVain: number): void {
    this.query = query;
    this.clock = '';
    this.restarts = inVain;
  }

  /** Asks for something else from the next connection on. */
  nextQuery(query: StreamQuery): void {
    this.query = query;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    const { signal } = this.closing;
    try {
      while (!signal.aborted) {
        const lost = yield* this.connection();
        if (signal.aborted) return;
        this.onlost?.(lost);
        await sleep(this.wait(), signal);
      }
    } finally {
      this.close();
    }
  }

  private wait(): number {
    const { restarts, retryMs, retryAfter } = this;
    this.restarts = null;
    this.retryAfter = null;
    if (restarts === 0) return 0;
    const attempts: Attempts = {
      retryMs,
      retryAfter,
      inVain: restarts ?? this.inVain,
      maxMs: this.settings.retryMaxMs,
    };
    return backoffMs(attempts, Math.random());
  }

  /** One connection. Returns why it ended; throws where it is no use to try again. */
  private async *connection(): AsyncGenerator<Batch, SmartTreeError, void> {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const { signal } = this.closing;
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    const silence = new Deadline(this.settings.silenceMs, end);
    this.inVain++;
    try {
      const response = await silence.over(this.request(ending.signal));
      const reader = this.accepted(response).getReader();
      return yield* this.batches(() => silence.over(reader.read()));
    } catch (error) {
      if (error instanceof StreamEndedError) throw error;
      if (error instanceof ConnectionLostError) return error;
      if (silence.passed)
        return new ConnectionLostError('silent', `nothing has come for ${this.settings.silenceMs} ms`);
      return new ConnectionLostError('connection', 'the connection failed', { cause: error });
    } finally {
      silence.clear();
      signal.removeEventListener('abort', end);
      end();
    }
  }

  private request(signal: AbortSignal): Promise<Response> {
    const url = endpoint(this.base, 'events', this.query);
    const headers: Record<string, string> = { Accept: 'text/event-stream', ...authorization(this.settings) };
    if (this.clock !== '') headers['Last-Event-ID'] = this.clock;
    return this.settings.fetch(url, { headers, signal, cache: 'no-store', credentials: 'omit' });
  }

  private accepted(response: Response): ReadableStream<Uint8Array> {
    const { status, headers, body } = response;
    if (status >= 500 || TRY_AGAIN.has(status)) {
      this.retryAfter = headers.get('Retry-After');
      throw new ConnectionLostError(`http-${status}`, `the server answered ${status}`);
    }
    if (status !== 200) throw new StreamEndedError(`http-${status}`, `the server answered ${status}`);
    const type = (headers.get('Content-Type') ?? '').split(';')[0]?.trim().toLowerCase();
    if (type !== 'text/event-stream' || !body)
      throw new StreamEndedError('not-a-stream', 'the server answered with something else than a stream of events');
    return body;
  }

  private async *batches(
    read: () => Promise<ReadableStreamReadResult<Uint8Array>>,
  ): AsyncGenerator<Batch, SmartTreeError, void> {
    const parser = new SseParser(this.clock, this.settings.maxEventBytes);
    const batcher = new Batcher(this.settings.maxBatchBytes);
    for (;;) {
      const { done, value } = await read();
      if (done) return new ConnectionLostError('ended', 'the server has ended the connection');
      this.inVain = 0;
      const frames = parser.feed(value);
      this.retryMs = parser.retryMs ?? this.retryMs;
      for (const frame of frames) {
        const batch = batcher.take(frame);
        if (!batch) continue;
        const read = this.read(batch);
        this.clock = batch.clock;
        yield read;
        if (this.restarts !== null)
          return new ConnectionLostError('restart', 'what came is of no use: it is asked for anew');
      }
    }
  }
}

/** The stream's events, with their data. */
export class EventStream extends ResumingStream<EventBatch> {
  protected read({ clock, events }: StreamBatch): EventBatch {
    return { clock, events: events.map(parseEvent) };
  }
}

/** The stream's events as they came. */
export class RawStream extends ResumingStream<StreamBatch> {
  protected read(batch: StreamBatch): StreamBatch {
    return batch;
  }
}
