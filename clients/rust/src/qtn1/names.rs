//! Columns 2 to 5 of a chunk: names, each told by what it has in common with the one before it.
//!
//! Law: a name is put together at the end of the run of names, where it stays, in steps of 16 bytes: a copy of a fixed
//! size is two instructions, one of any size a call, which for names took a fifth of a snapshot's whole time.

use super::columns::Entries;
use super::cursor::Cursor;
use super::entry::{NAME_MAX, is_plain_name};
use super::error::QtnError;

const EXTENSIONS_MAX: usize = 127;
const STEP: usize = 16;
/// What one name may be written over before it is known to be too long, and how much of such room is made at once.
const ROOM: usize = 2 * NAME_MAX;
const GROWTH: usize = 8 * ROOM;

/// What a name may end in, and its first bytes with zeros behind them.
#[derive(Default)]
struct Extension<'a> {
    bytes: &'a [u8],
    padded: [u8; STEP],
}

/// Reads `size` names; the index of each that is not above the one before it is put to `falls`. A `/` is looked for in
/// whole columns, not in each name.
pub(super) fn read_names(
    [prefixes, suffixes, extensions, extension_ids]: &mut [Cursor<'_>; 4],
    size: usize,
    entries: &mut Entries,
    falls: &mut Vec<u32>,
) -> Result<(), QtnError> {
    let table = read_extensions(extensions)?;
    if suffixes.rest().contains(&b'/') || table.iter().any(|extension| extension.bytes.contains(&b'/')) {
        return Err(suffixes.fail("name"));
    }
    let (names, count) = (&mut entries.names, entries.name_ends.len());
    let mut at = names.len();
    let mut before = if count < 2 { 0 } else { entries.name_ends[count - 2] };
    let mut shareable = 0; // of the name before, if it is in this chunk
    for index in count..count + size {
        let id = extension_ids.byte()?;
        let Some(extension) = table.get(usize::from(id)) else { return Err(extension_ids.fail("extension-id")) };
        let same = usize::from(prefixes.byte()?);
        if same > shareable {
            return Err(prefixes.fail("name-prefix"));
        }
        if names.len() < at + ROOM {
            names.resize(at + GROWTH, 0);
        }
        copy_prefix(names, before, at, same);
        let stem = same + read_suffix(suffixes, &mut names[at + same..], NAME_MAX - same)?;
        shareable = stem + extension.bytes.len();
        if shareable > NAME_MAX {
            return Err(suffixes.fail("name"));
        }
        copy_extension(names, at + stem, extension);
        if !is_plain_name(&names[at..at + shareable]) {
            return Err(suffixes.fail("name"));
        }
        if !is_above(&names[at + same..at + shareable], &names[before + same..at]) {
            falls.push(index as u32);
        }
        (before, at) = (at, at + shareable);
        entries.name_ends.push(at);
    }
    names.truncate(at);
    Ok(())
}

/// Copies what the name at `to` has in common with the one at `from`, and some of what stands behind that.
#[inline]
fn copy_prefix(names: &mut [u8], from: usize, to: usize, size: usize) {
    match names[from..].first_chunk::<STEP>() {
        Some(&step) if size <= STEP => names[to..][..STEP].copy_from_slice(&step),
        _ => names.copy_within(from..from + size, to),
    }
}

#[inline]
fn copy_extension(names: &mut [u8], to: usize, extension: &Extension<'_>) {
    if extension.bytes.len() <= STEP {
        names[to..to + STEP].copy_from_slice(&extension.padded);
    } else {
        names[to..][..extension.bytes.len()].copy_from_slice(extension.bytes);
    }
}

#[inline]
fn is_above(name: &[u8], last: &[u8]) -> bool {
    match (name.first(), last.first()) {
        (Some(one), Some(other)) if one != other => one > other,
        _ => name > last,
    }
}

/// Copies what stands before the next NUL, which is passed over; answers how much that was, `most` at most.
#[inline]
fn read_suffix(suffixes: &mut Cursor<'_>, room: &mut [u8], most: usize) -> Result<usize, QtnError> {
    let rest = suffixes.rest();
    let copied = copy_to_nul(rest, room);
    let Some(size) = copied.or_else(|| rest.iter().position(|&byte| byte == 0)) else {
        return Err(suffixes.fail("truncated"));
    };
    if size > most {
        return Err(suffixes.fail("name"));
    }
    if copied.is_none() {
        room[..size].copy_from_slice(&rest[..size]);
    }
    suffixes.raw(size + 1)?;
    Ok(size)
}

/// Copies by whole steps up to that of the first NUL; answers where that is, or None if either ends before.
#[inline]
fn copy_to_nul(bytes: &[u8], room: &mut [u8]) -> Option<usize> {
    const ONES: u128 = u128::from_ne_bytes([1; STEP]);
    for (number, (step, place)) in bytes.chunks_exact(STEP).zip(room.chunks_exact_mut(STEP)).enumerate() {
        place.copy_from_slice(step);
        let step = step.first_chunk().map_or(0, |step| u128::from_le_bytes(*step));
        let nuls = step.wrapping_sub(ONES) & !step & ONES << 7; // exact up to the first
        if nuls != 0 {
            return Some(number * STEP + nuls.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// By id; 0 is none.
fn read_extensions<'a>(column: &mut Cursor<'a>) -> Result<Vec<Extension<'a>>, QtnError> {
    let mut table = vec![Extension::default()];
    while column.left() > 0 {
        let extension = column.until_nul()?;
        if table.len() > EXTENSIONS_MAX || extension.len() < 2 || extension[0] != b'.' {
            return Err(column.fail("extensions"));
        }
        let mut padded = [0; STEP];
        padded.iter_mut().zip(extension).for_each(|(place, &byte)| *place = byte);
        table.push(Extension { bytes: extension, padded });
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Entries, read_names};

    /// The names and the falls that the columns of one chunk tell.
    fn read(
        prefixes: &[u8],
        suffixes: &[u8],
        extensions: &[u8],
        ids: &[u8],
    ) -> Result<(Entries, Vec<u32>), &'static str> {
        let (mut entries, mut falls) = (Entries::default(), Vec::new());
        let mut columns = [prefixes, suffixes, extensions, ids].map(|column| Cursor::new(column, 0));
        read_names(&mut columns, prefixes.len(), &mut entries, &mut falls).map_err(|error| error.code())?;
        Ok((entries, falls))
    }

    #[test]
    fn names_of_any_size_are_put_together_in_steps() {
        let long = "n".repeat(1000);
        for size in [1, 2, 15, 16, 17, 31, 32, 33, 255] {
            let stem = &long[..size];
            let suffixes = format!("{stem}\0b\0{}\0a\0", &long[..40]);
            let extensions = format!(".{}\0.x\0", &long[..20]);
            let told = read(&[0, size as u8, 0, 40], suffixes.as_bytes(), extensions.as_bytes(), &[0, 1, 2, 0]);
            let (entries, falls) = told.expect("they are names");
            let extended = [format!("{stem}b.{}", &long[..20]), format!("{}.x", &long[..40])];
            assert_eq!(entries.name(0), stem.as_bytes());
            assert_eq!(entries.name(1), extended[0].as_bytes());
            assert_eq!(entries.name(2), extended[1].as_bytes());
            assert_eq!(entries.name(3), format!("{}a", &long[..40]).as_bytes());
            let names: Vec<_> = (0..4).map(|index| entries.name(index)).collect();
            let below: Vec<_> = (1..4).filter(|&at| names[at - 1] >= names[at]).map(|at| at as u32).collect();
            assert_eq!(falls, below, "{size}");
        }
    }

    #[test]
    fn a_name_has_1024_bytes_at_most_wherever_they_come_from() {
        let long = |size| [vec![b'n'; size], vec![0]].concat();
        assert!(read(&[0], &long(1024), b"", &[0]).is_ok());
        for size in [1025, 2048, 2049, 5000] {
            assert_eq!(read(&[0], &long(size), b"", &[0]).unwrap_err(), "name");
        }
        assert_eq!(read(&[0], &long(1023), b".x\0", &[1]).unwrap_err(), "name");
        assert_eq!(read(&[0], b"n\0", &[b".".to_vec(), long(1 << 20)].concat(), &[1]).unwrap_err(), "name");
        assert_eq!(read(&[0], &vec![b'n'; 5000], b"", &[0]).unwrap_err(), "truncated");
        assert_eq!(read(&[0], &[b'n'; 3], b"", &[0]).unwrap_err(), "truncated");
        assert_eq!(read(&[0], &[b'n'; 40], b"", &[0]).unwrap_err(), "truncated");
    }
}
