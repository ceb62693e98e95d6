//! Section 6: what an entry adds to its directory's digest, and that of a whole snapshot.

use super::columns::Entries;
use super::entry::is_dir;
use super::xxh64::{hash128, hash128_of};

/// h: what an entry whose own digest is `digest` adds to its directory's: the hash of mode, size, mtime, digest, name.
#[inline]
pub(crate) fn weigh(mode: u16, size: u64, mtime_ns: i64, digest: u128, name: &[u8]) -> u128 {
    let mtime = mtime_ns.cast_unsigned();
    let head = [
        u64::from(mode) | size << 32,
        size >> 32 | mtime << 32,
        mtime >> 32 | (digest as u64) << 32,
        (digest >> 32) as u64,
    ];
    hash128_of(head, (digest >> 96) as u32, name)
}

/// What a root, whose digest and absolute path these are, adds to the service's.
pub(crate) fn weigh_root(digest: u128, path: &[u8]) -> u128 {
    let mut bytes = digest.to_le_bytes().to_vec();
    bytes.extend_from_slice(path);
    hash128(&bytes)
}

/// The digest of the top, and that of each entry: 0 of what is no directory with children.
pub(super) fn digests(entries: &Entries) -> (u128, Vec<u128>) {
    let (mut top, mut sums) = (0_u128, vec![0_u128; entries.len()]);
    for index in (0..entries.len()).rev() {
        let (mode, size, mtime_ns) = (entries.modes[index], entries.sizes[index], entries.mtimes_ns[index]);
        let weight = if is_dir(mode) {
            weigh(mode, size, mtime_ns, sums[index], entries.name(index))
        } else {
            weigh(mode, size, mtime_ns, 0, entries.name(index)) // with a digest that is known it is a sixth less to hash
        };
        let sum = match entries.parents[index] {
            Entries::TOP => &mut top,
            parent => &mut sums[parent as usize],
        };
        *sum = sum.wrapping_add(weight);
    }
    (top, sums)
}
