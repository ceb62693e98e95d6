//! Section 6: what an entry adds to its directory's digest, and that of a whole snapshot.

use super::columns::Entries;
use super::xxh64::hash128;

const HEAD: usize = 36;
const NAME_MAX: usize = 1024;

/// h: what an entry whose own digest is `digest` adds to its directory's.
#[inline]
pub(crate) fn weigh(mode: u16, size: u64, mtime_ns: i64, digest: u128, name: &[u8]) -> u128 {
    let mut bytes = [0; HEAD + NAME_MAX];
    weigh_in(&mut bytes, mode, size, mtime_ns, digest, name)
}

/// The same in a buffer that is used again.
#[inline]
fn weigh_in(bytes: &mut [u8; HEAD + NAME_MAX], mode: u16, size: u64, mtime_ns: i64, digest: u128, name: &[u8]) -> u128 {
    let end = HEAD + name.len();
    bytes[..4].copy_from_slice(&u32::from(mode).to_le_bytes());
    bytes[4..12].copy_from_slice(&size.to_le_bytes());
    bytes[12..20].copy_from_slice(&mtime_ns.to_le_bytes());
    bytes[20..HEAD].copy_from_slice(&digest.to_le_bytes());
    bytes[HEAD..end].copy_from_slice(name);
    hash128(&bytes[..end])
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
    let mut bytes = [0; HEAD + NAME_MAX];
    for index in (0..entries.len()).rev() {
        let (mode, size, mtime_ns) = (entries.modes[index], entries.sizes[index], entries.mtimes_ns[index]);
        let weight = weigh_in(&mut bytes, mode, size, mtime_ns, sums[index], entries.name(index));
        let sum = match entries.parents[index] {
            Entries::TOP => &mut top,
            parent => &mut sums[parent as usize],
        };
        *sum = sum.wrapping_add(weight);
    }
    (top, sums)
}
