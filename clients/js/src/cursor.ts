/**
 * Reads the numbers of QTN1 (QTN1.md, section 1) from bytes.
 *
 * Law: nothing is read past the end, and what breaks the format is a QtnError with the offset in the document.
 */

import { QtnError } from './errors.js';

const TWO_32 = 0x1_0000_0000;

/** A place in `bytes`, up to `end`. `origin` is the offset to report for bytes that were unpacked and so have none. */
export class Cursor {
  /** The halves of what `wide` or `zigzag` read, unsigned. */
  low = 0;
  high = 0;

  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
    readonly end = bytes.length,
    readonly origin = -1,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  fail(code: string): never {
    throw new QtnError(code, this.origin < 0 ? this.at : this.origin);
  }

  failAt(code: string, offset: number): never {
    throw new QtnError(code, offset);
  }

  byte(): number {
    if (this.at >= this.end) this.fail('truncated');
    return this.bytes[this.at++] as number;
  }

  raw(size: number): Uint8Array {
    if (size > this.left) this.fail('truncated');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  /** So many bytes as one number, the lowest first. */
  fixed(size: number): bigint {
    let value = 0n;
    const bytes = this.raw(size);
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    return value;
  }

  /** A varint of at most `limit`, which is below 2^53. */
  varint(limit: number, code: string): number {
    const first = this.at < this.end ? (this.bytes[this.at] as number) : 0x80;
    if (first < 0x80) {
      if (first > limit) this.fail(code);
      this.at++;
      return first;
    }
    this.wide();
    const value = this.high * TWO_32 + this.low;
    return value <= limit ? value : this.fail(code);
  }

  /** A varint of 64 bits. */
  varint64(): bigint {
    this.wide();
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  /** A varint of 64 bits, into `low` and `high`. */
  wide(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (shift === 63 && byte > 1) this.fail('varint-too-long');
      if (shift < 32) low |= bits << shift;
      if (shift > 28) high |= bits << (shift - 32);
      else if (shift === 28) high |= bits >>> 4;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) this.fail('varint-not-shortest');
        break;
      }
    }
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  /** A signed varint, modulo 2^64, into `low` and `high`. */
  zigzag(): void {
    const first = this.at < this.end ? (this.bytes[this.at] as number) : 0x80;
    if (first < 0x80) {
      this.at++;
      this.low = first;
      this.high = 0;
    } else this.wide();
    const sign = -(this.low & 1);
    this.low = (((this.low >>> 1) | (this.high << 31)) ^ sign) >>> 0;
    this.high = ((this.high >>> 1) ^ sign) >>> 0;
  }

  /** A signed varint as a number: exact below 2^53, and beyond it in any case out of the bounds of what is told so. */
  signed(): number {
    this.zigzag();
    return (this.high | 0) * TWO_32 + this.low;
  }

  /** A signed varint as it is. */
  signed64(): bigint {
    this.zigzag();
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** The place of the NUL that ends a text here. */
  nul(): number {
    const at = this.bytes.indexOf(0, this.at);
    return at >= 0 && at < this.end ? at : this.fail('truncated');
  }

  /** Refuses what was not read. */
  close(): void {
    if (this.at < this.end) this.fail('bytes-left-over');
  }
}
