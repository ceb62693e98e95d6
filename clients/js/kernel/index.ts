// XXH64, and the digests of a tree by it, in AssemblyScript: 64-bit products are one instruction here and a dozen in JavaScript;
// and the names of a chunk, which are put together byte by byte.
//
// Law: it owns no memory but its own and knows no layout but what a call names; whoever calls has reserved what it names,
// and eight bytes beyond the names.

const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_3: u64 = 0x165667b19e3779f9;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;
const PRIME_5: u64 = 0x27d4eb2f165667c5;

const STRIPE: usize = 32;
const HEAD: usize = 36; // bytes that are hashed before an entry's name
const SCRATCH: usize = 1024; // where an entry is put together: HEAD and a name of 1,024 bytes at most
const TYPE_MASK: u32 = 0xf000;
const DIRECTORY: u32 = 0x4000;
const NAME_MAX: usize = 1024;
const SLASH: u32 = 0x2f;
const DOT: u32 = 0x2e;

// What `names` returns in the place of where it has stopped.
const TRUNCATED = -1;
const NAME = -2;
const PREFIX = -3;
const EXTENSION = -4;

let lane1: u64, lane2: u64, lane3: u64, lane4: u64, seed: u64;

function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * PRIME_2, 31) * PRIME_1;
}

function merge(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * PRIME_1 + PRIME_4;
}

/** Begins a hash. */
export function begin(withSeed: u64): void {
  seed = withSeed;
  lane1 = withSeed + PRIME_1 + PRIME_2;
  lane2 = withSeed + PRIME_2;
  lane3 = withSeed;
  lane4 = withSeed - PRIME_1;
}

/** Takes so many stripes of 32 bytes. */
export function stripes(at: usize, count: usize): void {
  let one = lane1,
    two = lane2,
    three = lane3,
    four = lane4;
  for (let end = at + count * STRIPE; at < end; at += STRIPE) {
    one = round(one, load<u64>(at));
    two = round(two, load<u64>(at, 8));
    three = round(three, load<u64>(at, 16));
    four = round(four, load<u64>(at, 24));
  }
  lane1 = one;
  lane2 = two;
  lane3 = three;
  lane4 = four;
}

/** The hash, from the bytes that are no whole stripe and the count of all. */
export function finish(at: usize, rest: usize, total: u64): u64 {
  let hash: u64 = seed + PRIME_5;
  if (total >= <u64>STRIPE) {
    hash = rotl<u64>(lane1, 1) + rotl<u64>(lane2, 7) + rotl<u64>(lane3, 12) + rotl<u64>(lane4, 18);
    hash = merge(merge(merge(merge(hash, lane1), lane2), lane3), lane4);
  }
  hash += total;
  const end = at + rest;
  for (; at + 8 <= end; at += 8) hash = rotl<u64>(hash ^ round(0, load<u64>(at)), 27) * PRIME_1 + PRIME_4;
  if (at + 4 <= end) {
    hash = rotl<u64>(hash ^ (<u64>load<u32>(at) * PRIME_1), 23) * PRIME_2 + PRIME_3;
    at += 4;
  }
  for (; at < end; at++) hash = rotl<u64>(hash ^ (<u64>load<u8>(at) * PRIME_5), 11) * PRIME_1;
  hash = (hash ^ (hash >> 33)) * PRIME_2;
  hash = (hash ^ (hash >> 29)) * PRIME_3;
  return hash ^ (hash >> 32);
}

/** XXH64 of a whole. */
export function xxh64(at: usize, size: usize, withSeed: u64): u64 {
  begin(withSeed);
  const count = size / STRIPE;
  stripes(at, count);
  return finish(at + count * STRIPE, size % STRIPE, <u64>size);
}

/**
 * Adds the weights of these entries, the last one first, to their parents' sums. Each sum is a u128. `number` is that of
 * the last directory among them and before; what is returned, that of the last one before them.
 */
export function fold(
  count: u32,
  modes: usize,
  sizes: usize,
  times: usize,
  parents: usize,
  ends: usize,
  names: usize,
  sums: usize,
  number: u32,
): u32 {
  for (let i = count; i-- > 0; ) {
    const start = load<u32>(ends + (i << 2));
    const length: usize = load<u32>(ends + (i << 2), 4) - start;
    const mode: u32 = load<u16>(modes + (i << 1));
    store<u32>(SCRATCH, mode);
    store<u64>(SCRATCH, load<u64>(sizes + (i << 3)), 4);
    store<u64>(SCRATCH, load<u64>(times + (i << 3)), 12);
    const isDirectory = (mode & TYPE_MASK) == DIRECTORY;
    const own = sums + ((<usize>number) << 4);
    store<u64>(SCRATCH, isDirectory ? load<u64>(own) : 0, 20);
    store<u64>(SCRATCH, isDirectory ? load<u64>(own, 8) : 0, 28);
    if (isDirectory) number--;
    for (let k: usize = 0; k < length; k += 8) store<u64>(SCRATCH + HEAD + k, load<u64>(names + start + k));
    const sum = sums + ((<usize>load<u32>(parents + (i << 2))) << 4);
    const low = load<u64>(sum) + xxh64(SCRATCH, HEAD + length, 0);
    const carry = low < load<u64>(sum) ? 1 : 0;
    store<u64>(sum, load<u64>(sum, 8) + xxh64(SCRATCH, HEAD + length, 1) + carry, 8);
    store<u64>(sum, low);
  }
  return number;
}

/**
 * Puts `count` names together at `out`, each of so many bytes of the one before, a suffix that ends with a NUL, and one of
 * the texts (a table of where each begins and ends). Writes where each ends, from `out`, and whether it is above the one
 * before it; before the first stands the one from `before` to `out`. Returns where the suffixes that were taken end.
 */
export function names(
  count: i32,
  prefixes: usize,
  extensions: usize,
  suffixes: usize,
  suffixesEnd: usize,
  texts: usize,
  known: u32,
  before: usize,
  out: usize,
  ends: usize,
  ascends: usize,
): i32 {
  let at = suffixes;
  let start = out;
  for (let i = 0; i < count; i++) {
    const extension = load<u8>(extensions + i) as u32;
    if (extension >= known) return EXTENSION;
    const same = load<u8>(prefixes + i) as usize;
    if (same > (i > 0 ? start - before : 0)) return PREFIX;
    const limit = start + NAME_MAX;
    let end = start + same;
    for (let k: usize = 0; k < same; k++) store<u8>(start + k, load<u8>(before + k));
    for (;;) {
      if (at >= suffixesEnd) return TRUNCATED;
      const byte = load<u8>(at++) as u32;
      if (byte == 0) break;
      if (byte == SLASH || end >= limit) return NAME;
      store<u8>(end++, byte);
    }
    const textEnd = load<u32>(texts + (extension << 3), 4) as usize;
    for (let from = load<u32>(texts + (extension << 3)) as usize; from < textEnd; from++) {
      const byte = load<u8>(from) as u32;
      if (byte == SLASH || end >= limit) return NAME;
      store<u8>(end++, byte);
    }
    if (isNone(start, end - start)) return NAME;
    store<u8>(ascends + i, isAbove(before, start, end, same) ? 1 : 0);
    store<u32>(ends + (i << 2), (end - out) as u32);
    before = start;
    start = end;
  }
  return at as i32;
}

/** Whether it is empty, `.` or `..`. */
function isNone(name: usize, size: usize): bool {
  if (size == 0) return true;
  if (size > 2 || load<u8>(name) != DOT) return false;
  return size == 1 || load<u8>(name, 1) == DOT;
}

/** Whether the name at `start` is above the one that ends there, with which it has `same` bytes in common, or more. */
function isAbove(before: usize, start: usize, end: usize, same: usize): bool {
  let name = start + same;
  let other = before + same;
  while (name < end && other < start && load<u8>(name) == load<u8>(other)) {
    name++;
    other++;
  }
  if (name == end) return false;
  return other == start || load<u8>(name) > load<u8>(other);
}
