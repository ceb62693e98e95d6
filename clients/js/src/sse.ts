/**
 * A parser of `text/event-stream`, to the letter of the HTML standard (section 9.2.6); and what holds a batch together.
 *
 * Law: bytes in, frames out; they are the same however the bytes are cut. No socket and no clock is known here.
 */

import { StreamEndedError } from './errors.js';

/** What stood between two empty lines. */
export interface Frame {
  /** `message` where the frame names none. */
  readonly event: string;
  /** Null for a frame that fires no event. */
  readonly data: string | null;
  /** The frame's own id, null where it has no `id:` line. */
  readonly id: string | null;
  /** The id in force after it. */
  readonly lastId: string;
  /** Bytes of its lines. */
  readonly size: number;
}

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

/** Takes a stream in pieces. */
export class SseParser {
  /** The last reconnection time that was sent, in milliseconds. */
  retryMs: number | null = null;

  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  private pieces: Uint8Array[] = []; // of the line that has begun
  private start: number[] | null = []; // the bytes that may turn out to be a BOM; null once that is settled
  private afterCr = false;
  private event = '';
  private data: string[] = [];
  private id: string | null = null;
  private size = 0;

  /** `lastId`: the one in force before; `maxEventBytes`: an event of more ends the stream. */
  constructor(
    public lastId = '',
    private readonly maxEventBytes = Number.POSITIVE_INFINITY,
  ) {}

  /** The frames that these bytes complete. The bytes may be written to afterwards. */
  feed(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const piece = this.start ? this.withoutBom(bytes) : bytes;
    let at = 0;
    if (this.afterCr && piece.length > 0) {
      this.afterCr = false;
      if (piece[0] === LF) at = 1;
    }
    for (;;) {
      const end = lineEnd(piece, at);
      this.grow((end < 0 ? piece.length : end) - at);
      if (end < 0) break;
      const frame = this.line(this.joined(piece.subarray(at, end)));
      if (frame) frames.push(frame);
      at = end + 1;
      if (piece[end] !== CR) continue;
      if (at === piece.length) this.afterCr = true;
      else if (piece[at] === LF) at++;
    }
    if (at < piece.length) this.pieces.push(piece.slice(at));
    return frames;
  }

  private withoutBom(bytes: Uint8Array): Uint8Array {
    const seen = [...(this.start as number[]), ...bytes.subarray(0, BOM.length)];
    const matches = BOM.every((byte, i) => i >= seen.length || seen[i] === byte);
    if (matches && seen.length < BOM.length) {
      this.start = seen;
      return bytes.subarray(bytes.length);
    }
    const before = (this.start as number[]).length;
    this.start = null;
    if (matches) return bytes.subarray(BOM.length - before);
    if (before === 0) return bytes;
    const whole = new Uint8Array(before + bytes.length);
    whole.set(seen.slice(0, before));
    whole.set(bytes, before);
    return whole;
  }

  private grow(bytes: number): void {
    this.size += bytes;
    if (this.size > this.maxEventBytes)
      throw new StreamEndedError('too-large', `an event has more than ${this.maxEventBytes} bytes`);
  }

  private joined(rest: Uint8Array): Uint8Array {
    if (this.pieces.length === 0) return rest;
    const line = new Uint8Array(this.pieces.reduce((size, piece) => size + piece.length, rest.length));
    let at = 0;
    for (const piece of [...this.pieces, rest]) {
      line.set(piece, at);
      at += piece.length;
    }
    this.pieces = [];
    return line;
  }

  private line(bytes: Uint8Array): Frame | null {
    if (bytes.length === 0) return this.dispatch();
    const text = this.utf8.decode(bytes);
    const colon = text.indexOf(':');
    if (colon < 0) this.field(text, '');
    else if (colon > 0) this.field(text.slice(0, colon), text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1));
    else this.size -= bytes.length; // a comment is kept nowhere
    return null;
  }

  private field(name: string, value: string): void {
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) this.retryMs = Number(value);
  }

  private dispatch(): Frame | null {
    if (this.id !== null) this.lastId = this.id;
    const data = this.data.length > 0 ? this.data.join('\n') : null;
    const { event, id, lastId, size } = this;
    this.event = '';
    this.data = [];
    this.id = null;
    this.size = 0;
    return data !== null || id !== null ? { event: event || 'message', data, id, lastId, size } : null;
  }
}

function lineEnd(bytes: Uint8Array, from: number): number {
  const lf = bytes.indexOf(LF, from);
  const cr = (lf < 0 ? bytes : bytes.subarray(0, lf)).indexOf(CR, from);
  return cr >= 0 ? cr : lf;
}

/** An event of a batch. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The clock of its batch. */
  readonly id: string;
}

/** What came between two clocks, whole. */
export interface StreamBatch {
  readonly clock: string;
  readonly events: readonly StreamEvent[];
}

/** Holds frames until one bears an id. */
export class Batcher {
  private held: Frame[] = [];
  private size = 0;

  constructor(private readonly maxBatchBytes = Number.POSITIVE_INFINITY) {}

  /** The batch that this frame completes. */
  take(frame: Frame): StreamBatch | null {
    this.size += frame.size;
    if (this.size > this.maxBatchBytes)
      throw new StreamEndedError('too-large', `a batch has more than ${this.maxBatchBytes} bytes`);
    this.held.push(frame);
    if (frame.id === null) return null;
    const clock = frame.id;
    const events = this.held.flatMap(({ event, data }) => (data === null ? [] : [{ event, data, id: clock }]));
    this.held = [];
    this.size = 0;
    return { clock, events };
  }
}
