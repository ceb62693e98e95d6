// XXH64, and the digests of a tree by it, in AssemblyScript: 64-bit products are one instruction here and a dozen in JavaScript.
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
