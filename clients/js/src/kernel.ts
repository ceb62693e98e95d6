/**
 * What is compiled to WebAssembly: XXH64 with a tree's digests, and zstd's own decoder. `load` makes both ready, once.
 *
 * Law: nothing here knows the format. Offsets into the kernel's memory stay in this file.
 */

import { ZSTDDecoder } from 'zstddec';
import { KERNEL } from './kernel-bytes.js';
import { NAME_MAX_BYTES } from './wire.js';

interface Exports {
  memory: WebAssembly.Memory;
  begin(seed: bigint): void;
  stripes(at: number, count: number): void;
  finish(at: number, rest: number, total: bigint): bigint;
  xxh64(at: number, size: number, seed: bigint): bigint;
  names(
    count: number,
    prefixes: number,
    extensions: number,
    suffixes: number,
    suffixesEnd: number,
    texts: number,
    known: number,
    before: number,
    out: number,
    ends: number,
    ascends: number,
  ): number;
  fold(
    count: number,
    modes: number,
    sizes: number,
    times: number,
    parents: number,
    ends: number,
    names: number,
    sums: number,
    number: number,
  ): number;
}

/** What of a tree goes into its digest: a row for each entry, in directory order. */
export interface Weighed {
  readonly modes: Uint16Array;
  readonly sizes: BigUint64Array;
  readonly times: BigInt64Array;
  /** By number among the directories, of which the top is 0. */
  readonly parents: Uint32Array;
  /** Where each name begins in `names`, and where the last one ends. */
  readonly nameEnds: Uint32Array;
  readonly names: Uint8Array;
}

const FREE = 8192; // the memory below is the kernel's own
const PAGE = 65_536;
const STRIPE = 32;
const BLOCK_BYTES = 1 << 20; // what is hashed goes through the kernel's memory in such pieces
const BLOCK_ROWS = 8192;
const KEPT_BYTES = 1 << 25; // memory of WebAssembly never shrinks: a kernel that needs more is used once
const MASK_64 = (1n << 64n) - 1n;

const zstd = new ZSTDDecoder();
let compiled: WebAssembly.Module | undefined;
let shared: Exports | undefined;
let loading: Promise<void> | undefined;

/** Makes the decoders ready. Every asynchronous function of the library does so by itself; it costs once. */
export function load(): Promise<void> {
  loading ??= start();
  return loading;
}

async function start(): Promise<void> {
  const bytes = Uint8Array.from(atob(KERNEL), (letter) => letter.charCodeAt(0));
  [compiled] = await Promise.all([WebAssembly.compile(bytes), zstd.init()]);
  shared = instance();
}

function instance(): Exports {
  if (!compiled) throw new Error('await load() before decoding');
  return new WebAssembly.Instance(compiled).exports as unknown as Exports;
}

function kernel(): Exports {
  shared ??= instance();
  return shared;
}

function reserve(exports: Exports, end: number): void {
  const missing = end - exports.memory.buffer.byteLength;
  if (missing > 0) exports.memory.grow(Math.ceil(missing / PAGE));
}

/** XXH64 of these bytes; unsigned. */
export function xxh64(bytes: Uint8Array, seed: bigint): bigint {
  const exports = kernel();
  reserve(exports, FREE + Math.min(BLOCK_BYTES, bytes.length));
  const memory = new Uint8Array(exports.memory.buffer);
  exports.begin(seed);
  let at = 0;
  for (; bytes.length - at > BLOCK_BYTES; at += BLOCK_BYTES) {
    memory.set(bytes.subarray(at, at + BLOCK_BYTES), FREE);
    exports.stripes(FREE, BLOCK_BYTES / STRIPE);
  }
  memory.set(bytes.subarray(at), FREE);
  const rest = bytes.length - at;
  const whole = rest - (rest % STRIPE);
  exports.stripes(FREE, whole / STRIPE);
  return exports.finish(FREE + whole, rest - whole, BigInt(bytes.length)) & MASK_64;
}

/** The 128 bits by which entries and groups are known: XXH64 with seed 0 and, above it, with seed 1. */
export function hash128(bytes: Uint8Array): bigint {
  return xxh64(bytes, 0n) | (xxh64(bytes, 1n) << 64n);
}

/** The digests of so many directories, the top's first: two halves each, the low one first. */
export function foldDigests(rows: Weighed, directories: number): BigUint64Array {
  const count = rows.modes.length;
  const sums = FREE + BLOCK_ROWS * 26 + 16;
  const names = sums + directories * 16;
  const end = names + longestBlock(rows.nameEnds, count) + 8;
  const exports = end > KEPT_BYTES ? instance() : kernel();
  reserve(exports, end);
  new Uint8Array(exports.memory.buffer, sums, directories * 16).fill(0);
  let number = directories - 1;
  for (let from = count - 1 - ((count - 1) % BLOCK_ROWS); from >= 0; from -= BLOCK_ROWS)
    number = foldBlock(exports, rows, from, Math.min(count, from + BLOCK_ROWS), sums, names, number);
  return new BigUint64Array(exports.memory.buffer, sums, directories * 2).slice();
}

function longestBlock(nameEnds: Uint32Array, count: number): number {
  let longest = 0;
  for (let from = 0; from < count; from += BLOCK_ROWS)
    longest = Math.max(longest, at(nameEnds, Math.min(count, from + BLOCK_ROWS)) - at(nameEnds, from));
  return longest;
}

function at(column: Uint32Array, row: number): number {
  return column[row] as number;
}

function foldBlock(
  exports: Exports,
  rows: Weighed,
  from: number,
  to: number,
  sums: number,
  names: number,
  number: number,
): number {
  const { buffer } = exports.memory;
  const size = to - from;
  const [sizes, times] = [FREE, FREE + BLOCK_ROWS * 8];
  const [parents, ends, modes] = [FREE + BLOCK_ROWS * 16, FREE + BLOCK_ROWS * 20, FREE + BLOCK_ROWS * 24 + 16];
  const first = at(rows.nameEnds, from);
  new BigUint64Array(buffer, sizes, size).set(rows.sizes.subarray(from, to));
  new BigInt64Array(buffer, times, size).set(rows.times.subarray(from, to));
  new Uint32Array(buffer, parents, size).set(rows.parents.subarray(from, to));
  new Uint32Array(buffer, ends, size + 1).set(rows.nameEnds.subarray(from, to + 1));
  new Uint16Array(buffer, modes, size).set(rows.modes.subarray(from, to));
  new Uint8Array(buffer, names).set(rows.names.subarray(first, at(rows.nameEnds, to)));
  return exports.fold(size, modes, sizes, times, parents, ends, names - first, sums, number);
}

/** What names are made of: of each how much of the one before, which suffix behind that, and which text at the end. */
export interface NameParts {
  readonly prefixes: Uint8Array;
  /** Each with a NUL behind it. */
  readonly suffixes: Uint8Array;
  /** Indexes into `texts`. */
  readonly extensions: Uint8Array;
  readonly texts: readonly Uint8Array[];
  /** The name that stands before the first. */
  readonly before: Uint8Array;
}

/** Names, in the kernel's memory: good until its next use. */
export interface JoinedNames {
  /** One behind the other. */
  readonly names: Uint8Array;
  /** Where each ends. */
  readonly ends: Uint32Array;
  /** Whether each is above the one before. */
  readonly ascends: Uint8Array;
  /** How many bytes of the suffixes were taken. */
  readonly taken: number;
}

/** What keeps parts from being names. */
export type NameDefect = 'truncated' | 'name' | 'name-prefix' | 'extension-id';
const DEFECTS: readonly NameDefect[] = ['truncated', 'name', 'name-prefix', 'extension-id'];
const TEXTS_MAX = 256;

/** Puts names together. */
export function joinNames(parts: NameParts): JoinedNames | NameDefect {
  const { prefixes, suffixes, extensions, texts, before } = parts;
  const count = prefixes.length;
  const table = FREE;
  const ends = table + TEXTS_MAX * 8;
  const prefixesAt = ends + count * 4;
  const extensionsAt = prefixesAt + count;
  const ascends = extensionsAt + count;
  const suffixesAt = ascends + count;
  const suffixesEnd = suffixesAt + suffixes.length;
  const textsEnd = suffixesEnd + texts.reduce((size, text) => size + text.length, 0);
  const out = textsEnd + before.length;
  const end = out + namesSize(parts);
  const exports = end > KEPT_BYTES ? instance() : kernel();
  reserve(exports, end);
  const { buffer } = exports.memory;
  const memory = new Uint8Array(buffer);
  memory.set(prefixes, prefixesAt);
  memory.set(extensions, extensionsAt);
  memory.set(suffixes, suffixesAt);
  memory.set(before, textsEnd);
  setTexts(memory, new Uint32Array(buffer, table, TEXTS_MAX * 2), texts, suffixesEnd);
  const taken = [prefixesAt, extensionsAt, suffixesAt, suffixesEnd, table, texts.length, textsEnd] as const;
  const stopped = exports.names(count, ...taken, out, ends, ascends);
  if (stopped < 0) return DEFECTS[-1 - stopped] as NameDefect;
  const told = new Uint32Array(buffer, ends, count);
  const names = memory.subarray(out, out + (told[count - 1] as number));
  return { names, ends: told, ascends: memory.subarray(ascends, ascends + count), taken: stopped - suffixesAt };
}

/** How many bytes the names have at most. */
function namesSize({ prefixes, suffixes, extensions, texts }: NameParts): number {
  let size = suffixes.length;
  const lengths = texts.map((text) => text.length);
  for (let i = 0; i < prefixes.length; i++) size += (prefixes[i] as number) + (lengths[extensions[i] as number] ?? 0);
  return Math.min(size, prefixes.length * NAME_MAX_BYTES) + NAME_MAX_BYTES;
}

function setTexts(memory: Uint8Array, table: Uint32Array, texts: readonly Uint8Array[], start: number): void {
  let at = start;
  for (const [index, text] of texts.entries()) {
    memory.set(text, at);
    table[index * 2] = at;
    at += text.length;
    table[index * 2 + 1] = at;
  }
}

/** What one zstd frame holds, if that has exactly so many bytes; else nothing. */
export function unzstd(frame: Uint8Array, size: number): Uint8Array | undefined {
  const bytes = zstd.decode(frame, size);
  return bytes.length === size ? bytes : undefined;
}
