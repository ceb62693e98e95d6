/**
 * Batches and deltas (QTN1.md, section 5).
 *
 * Law: what this returns has passed every check that can be made without the tree it is applied to.
 */

import { open } from './header.js';
import { type Records, readRecords } from './records.js';
import { type DecodeOptions, formatClock } from './snapshot.js';
import { FLAG_SIZES, FLAG_VOID_DIGEST, MAGIC_BATCH, MAGIC_DELTA } from './wire.js';

const CHECK_BYTES = 4;

/** One change; for readers who keep no tree. */
export interface Delta {
  readonly kind: 'delta';
  readonly records: Records;
}

/** Every change between two clocks. */
export interface Batch {
  readonly kind: 'batch';
  readonly epoch: bigint;
  readonly fromSeq: bigint;
  readonly toSeq: bigint;
  /** The low 64 bits of the service's digest after it; null where what is told has none. */
  readonly digestLow: bigint | null;
  readonly records: Records;
  /** The clock after it. */
  readonly clock: string;
}

/** One change. `load` must have ended before. Throws a QtnError for what is none. */
export function decodeDelta(document: Uint8Array, options: DecodeOptions = {}): Delta {
  const { body, flags } = open(document, MAGIC_DELTA, FLAG_SIZES, CHECK_BYTES);
  const records = readRecords(body, (flags & FLAG_SIZES) !== 0, options.maxEntries);
  return records.ids.length > 0 ? { kind: 'delta', records } : body.fail('empty-delta');
}

/** Every change between two clocks. `load` must have ended before. Throws a QtnError for what is none. */
export function decodeBatch(document: Uint8Array, options: DecodeOptions = {}): Batch {
  const { body, flags } = open(document, MAGIC_BATCH, FLAG_SIZES | FLAG_VOID_DIGEST, CHECK_BYTES);
  const epoch = body.fixed(8);
  const fromSeq = body.varint64();
  const steps = body.varint64();
  const toSeq = fromSeq + steps;
  if (steps === 0n || toSeq >= 1n << 64n) body.fail('clock');
  const digest = body.fixed(8);
  const isVoid = (flags & FLAG_VOID_DIGEST) !== 0;
  if (isVoid && digest !== 0n) body.fail('void-digest');
  const records = readRecords(body, (flags & FLAG_SIZES) !== 0, options.maxEntries);
  const clock = formatClock(epoch, toSeq);
  return { kind: 'batch', epoch, fromSeq, toSeq, digestLow: isVoid ? null : digest, records, clock };
}
