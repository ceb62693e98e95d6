/**
 * The names of a chunk (QTN1.md, section 3, columns 2 to 5), and what is a name and a path at all (section 2).
 *
 * Law: names are bytes. Of each row it is noted whether its name is above the one before, while both are at hand in the kernel,
 * which puts them together.
 */

import type { Columns } from './columns.js';
import type { Cursor } from './cursor.js';
import { joinNames } from './kernel.js';
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

function readExtensions(column: Cursor): Uint8Array[] {
  const texts: Uint8Array[] = [new Uint8Array(0)];
  while (column.left > 0) {
    const text = column.raw(column.nul() - column.at);
    column.at++;
    texts.push(text);
    if (texts.length > EXTENSIONS_MAX + 1 || text[0] !== DOT || text.length < 2) column.fail('extensions');
  }
  return texts;
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
  const suffixes: Cursor = from.suffixes;
  const texts = readExtensions(from.extensions);
  const prefixes = from.prefixes.raw(count);
  const extensions = from.extensionIds.raw(count);
  const start = to.nameEnds[first] as number;
  const before = to.names.slice(first > 0 ? to.nameEnds[first - 1] : start, start);
  const told = suffixes.bytes.subarray(suffixes.at, suffixes.end);
  const joined = joinNames({ prefixes, suffixes: told, extensions, texts, before });
  if (typeof joined === 'string') suffixes.fail(joined);
  to.reserveNames(start, joined.names.length).set(joined.names, start);
  to.ascends.set(joined.ascends, first);
  for (let i = 0; i < count; i++) to.nameEnds[first + i + 1] = start + (joined.ends[i] as number);
  suffixes.at += joined.taken;
}
