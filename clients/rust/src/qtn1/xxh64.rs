//! XXH64, of one seed or of the two that make 128 bits.

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

/// XXH64 of one seed, the lanes it is made of, fed with whole stripes of 32 bytes.
#[derive(Clone, Copy)]
struct State {
    seed: u64,
    lanes: [u64; 4],
}

#[inline(always)]
fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}

impl State {
    #[inline(always)]
    const fn new(seed: u64) -> Self {
        let lanes = [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
        Self { seed, lanes }
    }

    #[inline(always)]
    fn stripe(&mut self, stripe: [u64; 4]) {
        for (lane, input) in self.lanes.iter_mut().zip(stripe) {
            *lane = round(*lane, input);
        }
    }

    /// All of it, once `stripes` were fed; `tail` is what is left of `size` bytes.
    #[inline(always)]
    fn end(&self, tail: &[u8], size: u64) -> u64 {
        let mut h = self.seed.wrapping_add(P5);
        if size >= 32 {
            let [a, b, c, d] = self.lanes;
            h = a.rotate_left(1);
            h = h.wrapping_add(b.rotate_left(7)).wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18));
            for lane in self.lanes {
                h = (h ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4);
            }
        }
        finish(h.wrapping_add(size), tail)
    }
}

#[inline(always)]
fn finish(mut h: u64, mut tail: &[u8]) -> u64 {
    while let Some((eight, rest)) = tail.split_first_chunk::<8>() {
        h = (h ^ round(0, u64::from_le_bytes(*eight))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
        tail = rest;
    }
    if let Some((four, rest)) = tail.split_first_chunk::<4>() {
        let input = u64::from(u32::from_le_bytes(*four));
        h = (h ^ input.wrapping_mul(P1)).rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
        tail = rest;
    }
    for &byte in tail {
        h = (h ^ u64::from(byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    h = (h ^ (h >> 33)).wrapping_mul(P2);
    h = (h ^ (h >> 29)).wrapping_mul(P3);
    h ^ (h >> 32)
}

#[inline(always)]
fn words(stripe: &[u8]) -> [u64; 4] {
    [word(stripe, 0), word(stripe, 8), word(stripe, 16), word(stripe, 24)]
}

/// XXH64 with seed 0.
pub(super) fn xxh64(bytes: &[u8]) -> u64 {
    let mut state = State::new(0);
    let (stripes, tail) = stripes(bytes);
    for stripe in stripes {
        state.stripe(words(stripe));
    }
    state.end(tail, bytes.len() as u64)
}

/// XXH64 with seed 0, and with seed 1 above it.
#[inline]
pub(super) fn hash128(bytes: &[u8]) -> u128 {
    let (mut low, mut high) = (State::new(0), State::new(1));
    let (stripes, tail) = stripes(bytes);
    for stripe in stripes {
        let stripe = words(stripe);
        low.stripe(stripe);
        high.stripe(stripe);
    }
    let size = bytes.len() as u64;
    u128::from(high.end(tail, size)) << 64 | u128::from(low.end(tail, size))
}

/// The whole stripes, and what is left.
#[inline(always)]
fn stripes(bytes: &[u8]) -> (std::slice::ChunksExact<'_, u8>, &[u8]) {
    let stripes = bytes.chunks_exact(32);
    let tail = stripes.remainder();
    (stripes, tail)
}

#[cfg(test)]
mod tests {
    use super::{hash128, xxh64};

    #[test]
    fn hashes_as_the_published_vectors_do() {
        assert_eq!(xxh64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"abc"), 0x44bc_2cf5_ad77_0999);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xfbce_a83c_8a37_8bf1);
        assert_eq!(hash128(b"abc") as u64, xxh64(b"abc"));
    }
}
