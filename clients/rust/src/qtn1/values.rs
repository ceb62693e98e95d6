//! Modes, sizes and times: columns 6 to 10 of a chunk, and the last two pairs of them in a body of records.

use super::cursor::{Bits, Cursor};
use super::error::QtnError;

const SIZE_BITS_MAX: u8 = 63;

/// Column 6 of a chunk: a table, then an index into it for each entry.
pub(super) fn read_modes(column: &mut Cursor<'_>, size: usize, modes: &mut Vec<u16>) -> Result<(), QtnError> {
    let count = column.limited(size as u64, "mode-table")?;
    let mut table = Vec::new();
    for _ in 0..count {
        table.push(u16::from_le_bytes(column.array()?));
    }
    if table.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(column.fail("mode-table"));
    }
    if table.first().is_some_and(|&mode| mode < 0x1000) {
        return Err(column.fail("mode"));
    }
    modes.reserve(size);
    for _ in 0..size {
        let index = column.varint()?;
        match usize::try_from(index).ok().and_then(|index| table.get(index)) {
            Some(&mode) => modes.push(mode),
            None => return Err(column.fail("mode-index")),
        }
    }
    Ok(())
}

/// Column 7: how many significant bits each size has.
pub(super) fn read_widths<'a>(column: &mut Cursor<'a>, count: usize) -> Result<&'a [u8], QtnError> {
    let widths = column.raw(count)?;
    if widths.iter().any(|&width| width > SIZE_BITS_MAX) { Err(column.fail("size-width")) } else { Ok(widths) }
}

/// Column 8: the bits below the highest, which is always one.
pub(super) fn read_sizes(column: &mut Cursor<'_>, widths: &[u8], sizes: &mut Vec<u64>) -> Result<(), QtnError> {
    let mut stream = Bits::new(*column);
    sizes.reserve(widths.len());
    for &width in widths {
        let high = (1_u64 << width) >> 1;
        let low = if width > 1 { stream.take(u32::from(width) - 1)? } else { 0 };
        sizes.push(high + low);
    }
    *column = stream.end()?;
    Ok(())
}

/// Column 9: the distinct times, ascending; empty where the times are told one by the other.
pub(super) fn read_time_table(column: &mut Cursor<'_>, count: usize) -> Result<Vec<i64>, QtnError> {
    let size = column.limited(count as u64, "time-table")?;
    let mut table = Vec::new();
    for _ in 0..size {
        let time = match table.last() {
            None => column.zigzag()?,
            Some(&before) => {
                let rise = column.varint()?;
                let next = i64::checked_add_unsigned(before, rise).filter(|_| rise > 0);
                next.ok_or_else(|| column.fail("time-table"))?
            }
        };
        table.push(time);
    }
    Ok(table)
}

/// Column 10: indices into the table, or times, each told by the one before it.
pub(super) fn read_times(
    column: &mut Cursor<'_>,
    table: &[i64],
    count: usize,
    times: &mut Vec<i64>,
) -> Result<(), QtnError> {
    let mut last = 0_i64;
    times.reserve(count);
    for _ in 0..count {
        last = last.wrapping_add(column.zigzag()?);
        if table.is_empty() {
            times.push(last);
            continue;
        }
        match usize::try_from(last).ok().and_then(|index| table.get(index)) {
            Some(&time) => times.push(time),
            None => return Err(column.fail("time-index")),
        }
    }
    Ok(())
}
