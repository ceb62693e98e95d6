/**
 * Calls: one request, one answer, within a time and a size.
 *
 * Law: an answer that says what is wrong is a ProblemError, one that does not come or is none a CallError.
 */

import { CallError, ProblemError, SmartTreeError } from './errors.js';
import { authorization, type ClientOptions, endpoint, type Settings, settings } from './options.js';
import { PROTOCOL_VERSION } from './wire.js';

/** A call as HTTP has it. */
export interface Call {
  readonly path: string;
  readonly query?: object;
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly accept?: string;
  /** How much longer it may take. */
  readonly waitsMs?: number;
  /** The most bytes of the answer. */
  readonly maxBytes?: number;
}

/** Makes calls to one server. */
export class Caller {
  readonly settings: Settings;

  constructor(
    private readonly base: string | URL,
    options: ClientOptions = {},
  ) {
    this.settings = settings(options);
    endpoint(base, '');
  }

  /** The answer's JSON. */
  async json(call: Call): Promise<unknown> {
    const bytes = await this.bytes({ accept: 'application/json', ...call });
    return parse(new TextDecoder().decode(bytes));
  }

  /** The answer's bytes. */
  async bytes(call: Call): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.pieces(call)) {
      pieces.push(piece);
      size += piece.length;
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** Each line of the answer, as JSON. */
  async *lines(call: Call): AsyncGenerator<unknown, void, void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const piece of this.pieces({ accept: 'application/x-ndjson', ...call })) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) if (line !== '') yield parse(line);
    }
    if (rest !== '') throw new CallError('cut-off', 'the answer ended in the middle of a line');
  }

  /** The answer as it comes. The time counts while the server is waited for, not while the caller is. */
  private async *pieces(call: Call): AsyncGenerator<Uint8Array, void, void> {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const { signal } = this.settings;
    signal?.throwIfAborted();
    signal?.addEventListener('abort', end);
    let left = this.settings.requestTimeoutMs + (call.waitsMs ?? 0);
    const timed = async <Value>(wait: Promise<Value>): Promise<Value> => {
      const started = performance.now();
      const timer = setTimeout(end, left);
      try {
        return await wait;
      } finally {
        clearTimeout(timer);
        left = Math.max(0, left - (performance.now() - started));
      }
    };
    try {
      const response = await timed(this.request(call, ending.signal));
      if (!response.ok) throw await timed(problem(response));
      yield* bounded(response, call.maxBytes ?? this.settings.maxBatchBytes, timed);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof SmartTreeError) throw error;
      if (ending.signal.aborted) throw new CallError('timeout', `no whole answer to ${call.path} in time`);
      throw new CallError('connection', `no connection for ${call.path}`, { cause: error });
    } finally {
      signal?.removeEventListener('abort', end);
      end();
    }
  }

  private request(call: Call, signal: AbortSignal): Promise<Response> {
    const { path, query, method = 'GET', body, accept = 'application/json' } = call;
    const headers: Record<string, string> = { Accept: accept, ...authorization(this.settings) };
    const init: RequestInit = { method, headers, signal, credentials: 'omit' };
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    return this.settings.fetch(endpoint(this.base, path, query), init);
  }
}

async function* bounded(
  response: Response,
  maxBytes: number,
  timed: <Value>(wait: Promise<Value>) => Promise<Value>,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  let left = maxBytes;
  while (reader) {
    const { done, value } = await timed(reader.read());
    if (done) return;
    left -= value.length;
    if (left < 0) throw new CallError('too-large', `the answer has more than ${maxBytes} bytes`);
    yield value;
  }
}

const PROBLEM_MAX_BYTES = 1 << 20;

async function problem(response: Response): Promise<SmartTreeError> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of bounded(response, PROBLEM_MAX_BYTES, (wait) => wait)) text += decoder.decode(piece);
  const told = fields(text);
  const code = typeof told.code === 'string' ? told.code : `http-${response.status}`;
  return new ProblemError(response.status, code, typeof told.detail === 'string' ? told.detail : '');
}

/** What an answer that may be a problem says; nothing, where it is something else. */
function fields(text: string): { code?: unknown; detail?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CallError('no-answer', 'the answer is something else than JSON', { cause: error });
  }
}

/** Refuses an answer of a server that speaks a later protocol. */
export function checkProtocol<Answer>(answer: Answer): Answer {
  const { protocol } = answer as { protocol?: unknown };
  if (typeof protocol === 'number' && protocol > PROTOCOL_VERSION)
    throw new CallError('protocol', `the server speaks protocol ${protocol}: this client knows ${PROTOCOL_VERSION}`);
  return answer;
}
