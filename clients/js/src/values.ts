/**
 * Sizes and times, which chunks and records tell alike (QTN1.md, section 3, columns 7 to 10).
 *
 * Law: values of 64 bits are read by halves, as unsigned numbers; nothing here makes a BigInt.
 */

import type { Cursor } from './cursor.js';
import { SIZE_MAX_BITS } from './wire.js';

/** Reads `count` sizes into the halves of a column, from row `first` on. */
export function readSizes(widths: Cursor, bits: Cursor, halves: Uint32Array, first: number, count: number): void {
  const told = widths.raw(count);
  const { bytes } = bits;
  const end = bits.end * 8;
  let at = bits.at * 8;
  for (const width of told) if (width > SIZE_MAX_BITS) widths.fail('size-width');
  for (let i = 0; i < count; i++) {
    const width = told[i] as number;
    if (width === 0) continue;
    const stored = width - 1;
    if (at + stored > end) bits.fail('truncated');
    const place = (first + i) * 2;
    if (stored <= 24) halves[place] = bitsAt(bytes, at, stored) | (1 << stored);
    else setWide(halves, place, bytes, at, stored);
    at += stored;
  }
  if (at & 7 && (bytes[at >>> 3] as number) >> (at & 7)) bits.fail('size-padding');
  bits.at = (at + 7) >>> 3;
}

/** At most 24 bits, which stand in four bytes wherever they begin. */
function bitsAt(bytes: Uint8Array, at: number, width: number): number {
  const byte = at >>> 3;
  const four =
    (bytes[byte] as number) |
    ((bytes[byte + 1] as number) << 8) |
    ((bytes[byte + 2] as number) << 16) |
    ((bytes[byte + 3] as number) << 24);
  return (four >>> (at & 7)) & ((1 << width) - 1);
}

function setWide(halves: Uint32Array, place: number, bytes: Uint8Array, at: number, stored: number): void {
  const middle = Math.min(stored - 24, 8);
  let low = bitsAt(bytes, at, 24) | (bitsAt(bytes, at + 24, middle) << 24);
  let high = 0;
  if (stored > 32) high = bitsAt(bytes, at + 32, Math.min(stored - 32, 24));
  if (stored > 56) high |= bitsAt(bytes, at + 56, stored - 56) << 24;
  if (stored < 32) low |= 1 << stored;
  else high |= 1 << (stored - 32);
  halves[place] = low;
  halves[place + 1] = high;
}

/** Reads `count` times into the halves of a column, from row `first` on. */
export function readTimes(table: Cursor, times: Cursor, halves: Uint32Array, first: number, count: number): void {
  const distinct = table.varint(count, 'time-table');
  const end = (first + count) * 2;
  if (distinct > 0) {
    const known = readTimeTable(table, distinct);
    let index = 0;
    for (let place = first * 2; place < end; place += 2) {
      index += times.signed();
      if (!(index >= 0 && index < distinct)) times.fail('time-index');
      halves[place] = known[index * 2] as number;
      halves[place + 1] = known[index * 2 + 1] as number;
    }
    return;
  }
  let low = 0;
  let high = 0;
  for (let place = first * 2; place < end; place += 2) {
    times.zigzag();
    low += times.low;
    high = (high + times.high + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
    low >>>= 0;
    halves[place] = low;
    halves[place + 1] = high;
  }
}

const SIGN = 0x8000_0000;

/** Ascending times, by halves. With the sign bit turned they ascend as unsigned numbers, and none may pass 2^64. */
function readTimeTable(table: Cursor, distinct: number): Uint32Array {
  const known = new Uint32Array(distinct * 2);
  table.zigzag();
  let { low } = table;
  let high = (table.high ^ SIGN) >>> 0;
  for (let place = 0; ; ) {
    known[place] = low;
    known[place + 1] = high ^ SIGN;
    place += 2;
    if (place === known.length) return known;
    table.wide();
    if (table.low === 0 && table.high === 0) table.fail('time-table');
    low += table.low;
    high += table.high + (low > 0xffff_ffff ? 1 : 0);
    low >>>= 0;
    if (high > 0xffff_ffff) table.fail('time-table');
  }
}
