/**
 * Globs: `*` and `?` within a name, `[a-z]` and `[!a-z]`, `**` as any number of names, `\` before what is meant literally.
 *
 * Law: bytes, not letters; and time that is at most the product of both lengths, whatever the glob.
 */

import { utf8ByteString } from './entry.js';

/** Whether one byte matches. */
type Test = (byte: number) => boolean;
type Token = Test | typeof STAR;

const STAR = Symbol('*');
const ANY_NAMES = Symbol('**');

/** A glob, read once. */
export class Glob {
  private readonly parts: readonly (Token[] | typeof ANY_NAMES)[];

  constructor(glob: string) {
    const bytes = utf8ByteString(glob);
    const parts = bytes.replace(/^\//, '').split('/');
    const anywhere = !bytes.includes('/') && bytes !== '**';
    this.parts = [...(anywhere ? ['**'] : []), ...parts].map((part) => (part === '**' ? ANY_NAMES : tokens(part)));
  }

  /** Whether it matches a path below the root, a byte string without a slash at its beginning; a root's own is empty. */
  matches(path: string): boolean {
    const matchesName = (part: Token[], name: string): boolean =>
      wildcard<Test, number>(part, bytesIn(name), STAR, passes);
    return wildcard<Token[], string>(this.parts, path.split('/'), ANY_NAMES, matchesName);
  }
}

function passes(test: Test, byte: number): boolean {
  return test(byte);
}

function bytesIn(name: string): number[] {
  return Array.from(name, (letter) => letter.charCodeAt(0));
}

/** Matches a pattern in which one element stands for any number, going back to the last of those alone. */
function wildcard<Part, Item>(
  pattern: readonly (Part | symbol)[],
  items: readonly Item[],
  any: symbol,
  one: (part: Part, item: Item) => boolean,
): boolean {
  let at = 0;
  let last = -1;
  let resume = 0;
  for (let i = 0; i < items.length; ) {
    const part = pattern[at];
    if (part === any) {
      last = at++;
      resume = i;
    } else if (part !== undefined && one(part as Part, items[i] as Item)) {
      at++;
      i++;
    } else if (last >= 0) {
      at = last + 1;
      i = ++resume;
    } else return false;
  }
  while (pattern[at] === any) at++;
  return at === pattern.length;
}

function tokens(part: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < part.length; ) {
    const letter = part[at] as string;
    const set = letter === '[' ? byteSet(part, at) : undefined;
    if (letter === '*') found.push(STAR);
    else if (letter === '?') found.push(() => true);
    else if (set) found.push(set.test);
    else if (letter === '\\' && at + 1 < part.length) found.push(literal(part.charCodeAt(++at)));
    else found.push(literal(part.charCodeAt(at)));
    at = set ? set.end : at + 1;
  }
  return found;
}

function literal(byte: number): Test {
  return (other) => other === byte;
}

/** `[…]` from here on; nothing where it has no end, and the bracket is meant literally. */
function byteSet(part: string, start: number): { test: Test; end: number } | undefined {
  const negated = part[start + 1] === '!';
  const first = start + (negated ? 2 : 1);
  const ranges: [number, number][] = [];
  for (let at = first; at < part.length; at++) {
    if (part[at] === ']' && at > first) {
      const test: Test = (byte) => ranges.some(([low, high]) => low <= byte && byte <= high) !== negated;
      return { test, end: at + 1 };
    }
    at = unescaped(part, at);
    const low = part.charCodeAt(at);
    const isRange = part[at + 1] === '-' && at + 2 < part.length && part[at + 2] !== ']';
    if (isRange) at = unescaped(part, at + 2);
    ranges.push([low, part.charCodeAt(at)]);
  }
  return undefined;
}

/** Where the letter stands that is meant here. */
function unescaped(part: string, at: number): number {
  return part[at] === '\\' && at + 1 < part.length ? at + 1 : at;
}
