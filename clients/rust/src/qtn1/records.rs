//! Section 4: records, the body of a delta and of a batch.

use super::cursor::Cursor;
use super::entry::{ENTRIES_MAX, ID_MAX, PATH_MAX, is_name, is_path, read_mode};
use super::error::QtnError;
use super::frame::{Column, Unpacker};
use super::values::{read_sizes, read_time_table, read_times, read_widths};

const COLUMNS: usize = 10;
const BODY_MAX: usize = 1 << 30;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mask(u8);

impl Mask {
    const DELETED: u8 = 1;
    const PLACE: u8 = 2;
    const MODE: u8 = 4;
    const SIZE: u8 = 8;
    const MTIME: u8 = 16;
    const WHOLE: u8 = 30;

    /// The bits as they stand in the document.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The entry is gone.
    #[must_use]
    pub const fn is_deleted(self) -> bool {
        self.0 == Self::DELETED
    }

    /// Parent and name are told.
    #[must_use]
    pub const fn has_place(self) -> bool {
        self.0 & Self::PLACE != 0
    }

    /// Everything is told, so that the entry may be a new one.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.0 == Self::WHOLE
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    const fn is_legal(self) -> bool {
        self.0 == Self::DELETED || self.0 != 0 && self.0 & !Self::WHOLE == 0
    }
}

/// What is said about one id: what it is now, or that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Whom it is about.
    pub id: u32,
    /// What is told.
    pub mask: Mask,
    /// The directory it is in now, 0 for a root, and its name there (a root's is its path).
    pub place: Option<(u32, &'a [u8])>,
    /// Its mode now.
    pub mode: Option<u16>,
    /// Its size now.
    pub size: Option<u64>,
    /// Its time now.
    pub mtime_ns: Option<i64>,
}

/// Records in columns, by ascending id; a column has a value only for the records that tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    ids: Vec<u32>,
    masks: Vec<Mask>,
    parents: Vec<u32>,
    names: Vec<u8>,
    name_ends: Vec<usize>,
    modes: Vec<u16>,
    sizes: Vec<u64>,
    mtimes_ns: Vec<i64>,
}

impl Records {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All of them, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let (mut places, mut modes) = (self.places(), self.modes.iter());
        let (mut sizes, mut mtimes_ns) = (self.sizes.iter(), self.mtimes_ns.iter());
        self.ids.iter().zip(&self.masks).map(move |(&id, &mask)| Record {
            id,
            mask,
            place: if mask.has_place() { places.next() } else { None },
            mode: if mask.has(Mask::MODE) { modes.next().copied() } else { None },
            size: if mask.has(Mask::SIZE) { sizes.next().copied() } else { None },
            mtime_ns: if mask.has(Mask::MTIME) { mtimes_ns.next().copied() } else { None },
        })
    }

    fn places(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut start = 0;
        self.parents.iter().zip(&self.name_ends).map(move |(&parent, &end)| {
            let name = &self.names[start..end];
            start = end;
            (parent, name)
        })
    }

    pub(super) fn read(mut r: Cursor<'_>, with_sizes: bool, max_records: usize) -> Result<Self, QtnError> {
        let count = r.limited(ENTRIES_MAX.min(max_records as u64), "too-many-records")? as usize;
        let mut buffers: [Vec<u8>; COLUMNS] = Default::default();
        let mut told = Vec::new();
        if with_sizes {
            for buffer in &mut buffers {
                told.push(read_column(&mut r, count, buffer)?);
            }
        }
        let columns = told.iter().zip(&buffers).map(|(column, buffer)| column.cursor(buffer)).collect();
        let mut body = Body { bare: r, columns };
        let records = Self::read_body(&mut body, count)?;
        body.columns.iter().try_for_each(Cursor::close)?;
        body.bare.close()?;
        Ok(records)
    }

    fn read_body(body: &mut Body<'_>, count: usize) -> Result<Self, QtnError> {
        if count > body.column(1).left() {
            return Err(body.column(1).fail("truncated")); // a record takes a byte of the masks or, bare, of what is left
        }
        let mut records = Self { ids: read_ids(body.column(0), count)?, ..Self::default() };
        records.masks = read_masks(body.column(1), count)?;
        let with = |bit| records.masks.iter().filter(|mask| mask.has(bit)).count();
        let (placed, with_mode) = (with(Mask::PLACE), with(Mask::MODE));
        let (sized, timed) = (with(Mask::SIZE), with(Mask::MTIME));
        records.parents = read_parents(body.column(2), placed)?;
        records.read_names(body)?;
        for _ in 0..with_mode {
            records.modes.push(read_mode(body.column(5))?);
        }
        let widths = read_widths(body.column(6), sized)?;
        read_sizes(body.column(7), widths, &mut records.sizes)?;
        if timed > 0 {
            let table = read_time_table(body.column(8), timed)?;
            read_times(body.column(9), &table, timed, &mut records.mtimes_ns)?;
        }
        Ok(records)
    }

    fn read_names(&mut self, body: &mut Body<'_>) -> Result<(), QtnError> {
        let mut common = Vec::new();
        for _ in 0..self.parents.len() {
            common.push(body.column(3).varint()?);
        }
        let (mut before, mut start) = (0, 0);
        for (&parent, same) in self.parents.iter().zip(common) {
            if same > (start - before) as u64 {
                return Err(body.column(3).fail("name-prefix"));
            }
            let suffixes = body.column(4);
            self.names.extend_from_within(before..before + same as usize);
            self.names.extend_from_slice(suffixes.until_nul()?);
            let name = &self.names[start..];
            if parent == 0 && name.len() > PATH_MAX {
                return Err(suffixes.fail("path-too-long"));
            }
            if !(if parent == 0 { is_path(name) } else { is_name(name) }) {
                return Err(suffixes.fail("name"));
            }
            if self.names.len() > BODY_MAX {
                return Err(suffixes.fail("column-too-large"));
            }
            (before, start) = (start, self.names.len());
            self.name_ends.push(start);
        }
        Ok(())
    }
}

/// The ten columns: one after the other in `bare`, or each by itself.
struct Body<'a> {
    bare: Cursor<'a>,
    columns: Vec<Cursor<'a>>,
}

impl<'a> Body<'a> {
    fn column(&mut self, index: usize) -> &mut Cursor<'a> {
        self.columns.get_mut(index).unwrap_or(&mut self.bare)
    }
}

/// A column that is larger than `count` records could use is not unpacked to find that out.
fn read_column<'a>(r: &mut Cursor<'a>, count: usize, buffer: &mut Vec<u8>) -> Result<Column<'a>, QtnError> {
    let column = Column::read(r, BODY_MAX)?;
    if column.raw_size() > count * (PATH_MAX + 1) {
        return Err(QtnError::new("bytes-left-over", column.offset()));
    }
    column.unpack(&mut Unpacker::default(), buffer)?;
    Ok(column)
}

fn read_ids(column: &mut Cursor<'_>, count: usize) -> Result<Vec<u32>, QtnError> {
    let (mut ids, mut next) = (Vec::new(), 0);
    for _ in 0..count {
        let id = next + column.limited(ID_MAX, "id-range")?;
        if id == 0 || id > ID_MAX {
            return Err(column.fail("id-range"));
        }
        ids.push(id as u32);
        next = id + 1;
    }
    Ok(ids)
}

fn read_masks(column: &mut Cursor<'_>, count: usize) -> Result<Vec<Mask>, QtnError> {
    let masks: Vec<Mask> = column.raw(count)?.iter().map(|&bits| Mask(bits)).collect();
    if masks.iter().all(|mask| mask.is_legal()) { Ok(masks) } else { Err(column.fail("mask")) }
}

fn read_parents(column: &mut Cursor<'_>, count: usize) -> Result<Vec<u32>, QtnError> {
    let (mut parents, mut parent) = (Vec::new(), 0_i64);
    for _ in 0..count {
        parent = parent.saturating_add(column.zigzag()?);
        if !(0..=ID_MAX.cast_signed()).contains(&parent) {
            return Err(column.fail("id-range"));
        }
        parents.push(parent as u32);
    }
    Ok(parents)
}
