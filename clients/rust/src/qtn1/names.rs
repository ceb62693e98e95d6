//! Columns 2 to 5 of a chunk: names, each told by what it has in common with the one before it.

use super::columns::Entries;
use super::cursor::Cursor;
use super::entry::is_plain_name;
use super::error::QtnError;

const EXTENSIONS_MAX: usize = 127;

/// Reads `size` names. A `/` is looked for in whole columns, not in each name.
pub(super) fn read_names(
    [prefixes, suffixes, extensions, extension_ids]: &mut [Cursor<'_>; 4],
    size: usize,
    entries: &mut Entries,
) -> Result<(), QtnError> {
    let table = read_extensions(extensions)?;
    if suffixes.rest().contains(&b'/') || extensions_have_slash(&table) {
        return slow_fail(suffixes);
    }
    let mut start = entries.names.len();
    let mut before = start; // where the name before began; none is before a chunk's first
    entries.name_ends.reserve(size);
    for _ in 0..size {
        let id = extension_ids.byte()?;
        let Some(extension) = table.get(usize::from(id)) else { return Err(extension_ids.fail("extension-id")) };
        let same = usize::from(prefixes.byte()?);
        if same > start - before {
            return Err(prefixes.fail("name-prefix"));
        }
        entries.names.extend_from_within(before..before + same);
        entries.names.extend_from_slice(suffixes.until_nul()?);
        entries.names.extend_from_slice(extension);
        let end = entries.names.len();
        if !is_plain_name(&entries.names[start..end]) {
            return Err(suffixes.fail("name"));
        }
        entries.name_ends.push(end);
        (before, start) = (start, end);
    }
    Ok(())
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

fn extensions_have_slash(table: &[&[u8]]) -> bool {
    table.iter().any(|extension| extension.contains(&b'/'))
}

fn slow_fail(suffixes: &Cursor<'_>) -> Result<(), QtnError> {
    Err(suffixes.fail("name"))
}
