/**
 * The names of a chunk (QTN1.md, section 3, columns 2 to 5), and what is a name and a path at all (section 2).
 *
 * Law: names are bytes. Of each row it is noted whether its name is above the one before, while both are at hand.
 */

import type { Columns } from './columns.js';
import type { Cursor } from './cursor.js';
import { EXTENSIONS_MAX, NAME_MAX_BYTES, PATH_MAX_BYTES } from './wire.js';

const SLASH = 0x2f;
const DOT = 0x2e;

/** Whether these bytes are one path component within the limits. */
export function isName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > NAME_MAX_BYTES || name.includes(SLASH) || name.includes(0)) return false;
  return !(name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)));
}

/** Whether these bytes are an absolute path in its one form. */
export function isPath(path: Uint8Array): boolean {
  if (path.length >= PATH_MAX_BYTES || path[0] !== SLASH) return false;
  if (path.length === 1) return true;
  for (let start = 1; start <= path.length; ) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    if (!isName(path.subarray(start, end))) return false;
    start = end + 1;
  }
  return true;
}

interface Extensions {
  readonly texts: readonly Uint8Array[];
  readonly withSlash: boolean;
}

function readExtensions(column: Cursor): Extensions {
  const texts: Uint8Array[] = [new Uint8Array(0)];
  while (column.left > 0) {
    const text = column.raw(column.nul() - column.at);
    column.at++;
    texts.push(text);
    if (texts.length > EXTENSIONS_MAX + 1 || text[0] !== DOT || text.length < 2) column.fail('extensions');
  }
  return { texts, withSlash: texts.some((text) => text.includes(SLASH)) };
}

/** The columns of a chunk that tell its names. */
export interface NameColumns {
  readonly prefixes: Cursor;
  readonly suffixes: Cursor;
  readonly extensions: Cursor;
  readonly extensionIds: Cursor;
}

/** Reads the names of `count` rows from `first` on. */
export function readNames(from: NameColumns, to: Columns, first: number, count: number): void {
  const { suffixes } = from;
  const { texts, withSlash } = readExtensions(from.extensions);
  const prefixes = from.prefixes.raw(count);
  const extensionIds = from.extensionIds.raw(count);
  const { nameEnds, ascends } = to;
  let start = nameEnds[first] as number;
  let before = first > 0 ? (nameEnds[first - 1] as number) : 0;
  let names = to.reserveNames(start, 0);
  for (let i = 0; i < count; i++) {
    const prefix = prefixes[i] as number;
    const extension = texts[extensionIds[i] as number] ?? from.extensionIds.fail('extension-id');
    if (prefix > (i > 0 ? start - before : 0)) from.prefixes.fail('name-prefix');
    if (names.length - start < 2 * NAME_MAX_BYTES) names = to.reserveNames(start, 2 * NAME_MAX_BYTES);
    let end = copySuffix(suffixes, names, start + prefix);
    for (let k = 0; k < prefix; k++) names[start + k] = names[before + k] as number;
    for (let k = 0; k < extension.length; k++) names[end++] = extension[k] as number;
    const length = end - start;
    if (length === 0 || length > NAME_MAX_BYTES || (names[start] === DOT && isDots(names, start, length)))
      suffixes.fail('name');
    if (withSlash && extension.includes(SLASH)) suffixes.fail('name');
    ascends[first + i] = isAbove(names, before, start, end, prefix) ? 1 : 0;
    nameEnds[first + i + 1] = end;
    before = start;
    start = end;
  }
}

/** Copies up to the NUL; what is too long for a name is refused on the way. */
function copySuffix(from: Cursor, names: Uint8Array, to: number): number {
  const { bytes, end } = from;
  const last = to + NAME_MAX_BYTES;
  let { at } = from;
  for (;;) {
    if (at >= end) from.fail('truncated');
    const byte = bytes[at++] as number;
    if (byte === 0) break;
    if (byte === SLASH || to >= last) from.fail('name');
    names[to++] = byte;
  }
  from.at = at;
  return to;
}

function isDots(names: Uint8Array, start: number, length: number): boolean {
  return length === 1 || (length === 2 && names[start + 1] === DOT);
}

/** Whether the name at `start` is above the one that ends there, with which it has `same` bytes in common, or more. */
function isAbove(names: Uint8Array, before: number, start: number, end: number, same: number): boolean {
  for (let i = same; ; i++) {
    if (start + i === end) return false;
    if (before + i === start) return true;
    const rise = (names[start + i] as number) - (names[before + i] as number);
    if (rise !== 0) return rise > 0;
  }
}
