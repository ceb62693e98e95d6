//! A chunk's twelve columns, read onto the end of the entries' columns.

use super::columns::Entries;
use super::cursor::Cursor;
use super::entry::{ENTRIES_MAX, ID_MAX, is_dir};
use super::error::QtnError;
use super::frame::{COLUMN_MAX, Column, Unpacker};
use super::names::read_names;
use super::values::{read_modes, read_sizes, read_time_table, read_times, read_widths};

const COLUMNS: usize = 12;

/// Directories in directory order: their index among the entries, and what is told to be below them.
#[derive(Default)]
pub(super) struct Directories {
    pub(super) indices: Vec<u32>,
    pub(super) child_counts: Vec<u32>,
    pub(super) below_counts: Vec<u32>,
}

/// Reads chunks one after the other; the buffers that columns are unpacked into are used again.
#[derive(Default)]
pub(super) struct ChunkReader {
    unpacker: Unpacker,
    buffers: [Vec<u8>; COLUMNS],
    pub(super) entries: Entries,
    pub(super) directories: Directories,
    /// The entries whose name is not above that of the entry before them.
    pub(super) falls: Vec<u32>,
    /// Runs of ids: the first, and how many.
    pub(super) runs: Vec<(u32, u32)>,
}

impl ChunkReader {
    /// With room for so many entries.
    pub(super) fn with_room(count: usize) -> Self {
        Self { entries: Entries::with_capacity(count), ..Self::default() }
    }

    /// The next chunk, of `size` entries, its columns being next in `r`. `last_id` is of the entry before it.
    pub(super) fn read(&mut self, r: &mut Cursor<'_>, size: usize, last_id: u32) -> Result<u32, QtnError> {
        let mut told = Vec::with_capacity(COLUMNS);
        for buffer in &mut self.buffers {
            let column = Column::read(r, COLUMN_MAX)?;
            column.unpack(&mut self.unpacker, buffer)?;
            told.push(column);
        }
        let mut columns: [Cursor<'_>; COLUMNS] = std::array::from_fn(|i| told[i].cursor(&self.buffers[i]));
        let [children, prefixes, suffixes, extensions, extension_ids, modes, widths, bits, table, times, ids, below] =
            &mut columns;
        if size > prefixes.left() {
            return Err(prefixes.fail("truncated"));
        }
        let start = self.entries.len();
        let mut names = [*prefixes, *suffixes, *extensions, *extension_ids];
        read_names(&mut names, size, &mut self.entries, &mut self.falls)?;
        [*prefixes, *suffixes, *extensions, *extension_ids] = names;
        read_modes(modes, size, &mut self.entries.modes)?;
        read_sizes(bits, read_widths(widths, size)?, &mut self.entries.sizes)?;
        read_times(times, &read_time_table(table, size)?, size, &mut self.entries.mtimes_ns)?;
        let last = read_ids(ids, size, last_id, &mut self.entries.ids, &mut self.runs)?;
        self.directories.read(children, below, widths, &self.entries, start)?;
        columns.iter().try_for_each(Cursor::close)?;
        Ok(last)
    }
}

impl Directories {
    fn read(
        &mut self,
        children: &mut Cursor<'_>,
        below: &mut Cursor<'_>,
        widths: &Cursor<'_>,
        entries: &Entries,
        start: usize,
    ) -> Result<(), QtnError> {
        let below_told = below.left() > 0;
        for index in start..entries.modes.len() {
            if !is_dir(entries.modes[index]) {
                continue;
            }
            self.indices.push(index as u32);
            self.child_counts.push(children.limited(ENTRIES_MAX, "child-counts")? as u32);
            self.below_counts.push(if below_told { below.limited(ENTRIES_MAX, "below-counts")? as u32 } else { 0 });
            if entries.sizes[index] != 0 {
                return Err(widths.fail("directory-size"));
            }
        }
        Ok(())
    }
}

/// Column 11; answers with the last id.
fn read_ids(
    column: &mut Cursor<'_>,
    size: usize,
    mut last: u32,
    ids: &mut Vec<u32>,
    runs: &mut Vec<(u32, u32)>,
) -> Result<u32, QtnError> {
    let (goes_on, mut left) = (column.left() == 0, size);
    while left > 0 {
        let step = if goes_on { 0 } else { column.zigzag()? };
        let length = if goes_on { left as u64 } else { column.limited(left as u64, "id-runs")? };
        if length == 0 {
            return Err(column.fail("id-runs"));
        }
        let first = step.saturating_add(i64::from(last) + 1);
        if first < 1 || first > ID_MAX.cast_signed() + 1 - length.cast_signed() {
            return Err(column.fail("id-range"));
        }
        let (first, length) = (first as u32, length as u32);
        ids.extend(first..first + length);
        runs.push((first, length));
        (left, last) = (left - length as usize, first + length - 1);
    }
    Ok(last)
}
