/**
 * The text forms: a prefix for each kind of document, and base64 in its one form (QTN1.md, table at the top).
 *
 * Law: what is taken is what an encoder would write, letter by letter.
 */

import { QtnError } from './errors.js';
import { MAGIC_BATCH, MAGIC_DELTA, MAGIC_MANIFEST, MAGIC_SNAPSHOT } from './wire.js';

/** `QTN1:` begins them all, so it stands last. */
const PREFIXES = [
  ['QTN1:DELTA:', MAGIC_DELTA],
  ['QTN1:BATCH:', MAGIC_BATCH],
  ['QTN1:MANIFEST:', MAGIC_MANIFEST],
  ['QTN1:', MAGIC_SNAPSHOT],
] as const;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NONE = 64;
const VALUES = new Uint8Array(128).fill(NONE);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** The document of a text form. */
export function fromText(text: string): Uint8Array {
  for (const [prefix, magic] of PREFIXES) {
    if (!text.startsWith(prefix)) continue;
    const bytes = fromBase64(text, prefix.length);
    if (bytes[0] !== 1 || bytes[1] !== 2 || bytes[2] !== magic) break;
    return bytes;
  }
  throw new QtnError('text-prefix', 0);
}

function fromBase64(text: string, start: number): Uint8Array {
  const letters = text.length - start;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (letters % 4 !== 0 || padding > letters) throw new QtnError('base64', start);
  const bytes = new Uint8Array((letters / 4) * 3 - padding);
  const end = text.length - padding;
  let at = start;
  let to = 0;
  for (; end - at >= 4; at += 4) {
    const four =
      (value(text, at) << 18) | (value(text, at + 1) << 12) | (value(text, at + 2) << 6) | value(text, at + 3);
    bytes[to++] = four >> 16;
    bytes[to++] = four >> 8;
    bytes[to++] = four;
  }
  if (at < end) {
    const three = (value(text, at) << 12) | (value(text, at + 1) << 6) | (padding === 1 ? value(text, at + 2) : 0);
    bytes[to++] = three >> 10;
    if (padding === 1) bytes[to++] = three >> 2;
    if (three & (padding === 1 ? 0x3 : 0x3ff)) throw new QtnError('base64', start);
  }
  return bytes;
}

function value(text: string, at: number): number {
  const bits = VALUES[text.charCodeAt(at)] ?? NONE;
  if (bits === NONE) throw new QtnError('base64', at);
  return bits;
}
