//! Columns 2 to 5 of a chunk: names, each told by what it has in common with the one before it.

use super::columns::Entries;
use super::cursor::Cursor;
use super::entry::{NAME_MAX, is_plain_name};
use super::error::QtnError;

const EXTENSIONS_MAX: usize = 127;

/// Reads `size` names. A `/` is looked for in whole columns, not in each name.
pub(super) fn read_names(
    [prefixes, suffixes, extensions, extension_ids]: &mut [Cursor<'_>; 4],
    size: usize,
    entries: &mut Entries,
) -> Result<(), QtnError> {
    let table = read_extensions(extensions)?;
    if suffixes.rest().contains(&b'/') || table.iter().any(|extension| extension.contains(&b'/')) {
        return Err(suffixes.fail("name"));
    }
    let (mut name, mut length) = ([0; NAME_MAX], 0); // of the entry before, of which a prefix stays where it is
    for _ in 0..size {
        let id = extension_ids.byte()?;
        let Some(extension) = table.get(usize::from(id)) else { return Err(extension_ids.fail("extension-id")) };
        let same = usize::from(prefixes.byte()?);
        if same > length {
            return Err(prefixes.fail("name-prefix"));
        }
        let stem = same + read_suffix(suffixes, &mut name[same..])?;
        length = stem + extension.len();
        let Some(end) = name.get_mut(stem..length) else { return Err(suffixes.fail("name")) };
        end.copy_from_slice(extension);
        if !is_plain_name(&name[..length]) {
            return Err(suffixes.fail("name"));
        }
        entries.names.extend_from_slice(&name[..length]);
        entries.name_ends.push(entries.names.len());
    }
    Ok(())
}

/// Copies what stands before the next NUL, which is passed over; answers how much that was.
#[inline]
fn read_suffix(suffixes: &mut Cursor<'_>, room: &mut [u8]) -> Result<usize, QtnError> {
    let (rest, mut size) = (suffixes.rest(), 0);
    for (place, &byte) in room.iter_mut().zip(rest) {
        if byte == 0 {
            break;
        }
        *place = byte;
        size += 1;
    }
    match rest.get(size) {
        Some(0) => suffixes.raw(size + 1).map(|_| size),
        Some(_) if rest[size..].contains(&0) => Err(suffixes.fail("name")), // it is too long
        _ => Err(suffixes.fail("truncated")),
    }
}

/// By id; 0 is none.
fn read_extensions<'a>(column: &mut Cursor<'a>) -> Result<Vec<&'a [u8]>, QtnError> {
    let mut table: Vec<&[u8]> = vec![b""];
    while column.left() > 0 {
        let extension = column.until_nul()?;
        if table.len() > EXTENSIONS_MAX || extension.len() < 2 || extension[0] != b'.' {
            return Err(column.fail("extensions"));
        }
        table.push(extension);
    }
    Ok(table)
}
