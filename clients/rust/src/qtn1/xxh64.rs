//! XXH64, of one seed or of the two that make 128 bits.

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

/// XXH64 of the seeds 0 to N - 1 at once: of each the lanes it is made of, fed with whole stripes of 32 bytes. What the
/// size of the bytes decides is so decided once for all seeds.
struct State<const N: usize>([[u64; 4]; N]);

#[inline(always)]
fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

impl<const N: usize> State<N> {
    #[inline(always)]
    fn new() -> Self {
        Self(std::array::from_fn(|seed| {
            let seed = seed as u64;
            [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)]
        }))
    }

    #[inline(always)]
    fn stripe(&mut self, stripe: [u64; 4]) {
        for lanes in &mut self.0 {
            for (lane, input) in lanes.iter_mut().zip(stripe) {
                *lane = round(*lane, input);
            }
        }
    }

    /// What the stripes have come to, of which there is one at least, of `size` bytes in all.
    #[inline(always)]
    fn merged(&self, size: u64) -> [u64; N] {
        self.0.map(|[a, b, c, d]| {
            let ends = [a.rotate_left(1), b.rotate_left(7), c.rotate_left(12), d.rotate_left(18)];
            let mut h = ends.into_iter().fold(0, u64::wrapping_add);
            for lane in [a, b, c, d] {
                h = (h ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
            }
            h.wrapping_add(size)
        })
    }

    /// All of it; `rest` is what is still to be fed.
    #[inline]
    fn end(mut self, rest: &[u8], size: u64) -> [u64; N] {
        let stripes = rest.chunks_exact(32);
        let tail = stripes.remainder();
        for stripe in stripes {
            self.stripe([word(stripe, 0), word(stripe, 8), word(stripe, 16), word(stripe, 24)]);
        }
        if size < 32 {
            finish(std::array::from_fn(|seed| (seed as u64).wrapping_add(P5).wrapping_add(size)), tail)
        } else {
            finish(self.merged(size), tail)
        }
    }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// One word of the tail.
#[inline(always)]
fn mixed<const N: usize>(h: [u64; N], word: u64) -> [u64; N] {
    h.map(|h| (h ^ round(0, word)).rotate_left(27).wrapping_mul(P1).wrapping_add(P4))
}

#[inline(always)]
fn finish<const N: usize>(mut h: [u64; N], mut tail: &[u8]) -> [u64; N] {
    while let Some((eight, rest)) = tail.split_first_chunk::<8>() {
        h = mixed(h, u64::from_le_bytes(*eight));
        tail = rest;
    }
    if let Some((four, rest)) = tail.split_first_chunk::<4>() {
        let input = u64::from(u32::from_le_bytes(*four)).wrapping_mul(P1);
        h = h.map(|h| (h ^ input).rotate_left(23).wrapping_mul(P2).wrapping_add(P3));
        tail = rest;
    }
    for &byte in tail {
        h = h.map(|h| (h ^ u64::from(byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1));
    }
    h.map(|mut h| {
        h = (h ^ (h >> 33)).wrapping_mul(P2);
        h = (h ^ (h >> 29)).wrapping_mul(P3);
        h ^ (h >> 32)
    })
}

#[inline(always)]
fn joined([low, high]: [u64; 2]) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// XXH64 with seed 0.
pub(super) fn xxh64(bytes: &[u8]) -> u64 {
    let [hash] = State::new().end(bytes, bytes.len() as u64);
    hash
}

/// XXH64 with seed 0, and with seed 1 above it.
pub(super) fn hash128(bytes: &[u8]) -> u128 {
    joined(State::new().end(bytes, bytes.len() as u64))
}

/// The same of 36 bytes, told as words, and a name, which is hashed where it lies: put together in memory first, each
/// word would be read across two writes, which costs as much as the hash.
#[inline(always)]
pub(super) fn hash128_of(head: [u64; 4], head_end: u32, name: &[u8]) -> u128 {
    let mut state = State::new();
    state.stripe(head);
    let size = 36 + name.len() as u64;
    let Some((four, rest)) = name.split_first_chunk::<4>() else {
        let mut tail = [0; 7];
        tail[..4].copy_from_slice(&head_end.to_le_bytes());
        tail[4..][..name.len()].copy_from_slice(name);
        return joined(finish(state.merged(size), &tail[..4 + name.len()]));
    };
    let first = u64::from(head_end) | u64::from(u32::from_le_bytes(*four)) << 32;
    if rest.len() < 24 {
        return joined(finish(mixed(state.merged(size), first), rest));
    }
    let (stripe, rest) = rest.split_at(24);
    state.stripe([first, word(stripe, 0), word(stripe, 8), word(stripe, 16)]);
    joined(state.end(rest, size))
}

#[cfg(test)]
mod tests {
    use super::{hash128, hash128_of, xxh64};

    #[test]
    fn hashes_as_the_published_vectors_do() {
        assert_eq!(xxh64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xfbce_a83c_8a37_8bf1);
        assert_eq!(hash128(b"abc") as u64, xxh64(b"abc"));
    }

    #[test]
    fn a_head_and_a_name_are_hashed_as_their_bytes() {
        let bytes: Vec<u8> = (0..200).map(|n: u8| n.wrapping_mul(151)).collect();
        let head = [0, 8, 16, 24].map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()));
        let head_end = u32::from_le_bytes(bytes[32..36].try_into().unwrap());
        for size in 36..200 {
            assert_eq!(hash128_of(head, head_end, &bytes[36..size]), hash128(&bytes[..size]), "{size}");
        }
    }
}
