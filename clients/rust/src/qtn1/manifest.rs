//! The parts of a snapshot: groups of columns, their addresses, and the manifest that names them.

use std::ops::{Deref, Range};

use super::cursor::Cursor;
use super::document::{MANIFEST, SNAPSHOT, open, sealed};
use super::entry::ENTRIES_MAX;
use super::error::QtnError;
use super::frame::{COLUMN_MAX, Column, Unpacker};
use super::header::{Counts, Header, read_chunk_size};
use super::xxh64::hash128;

const GROUPS: [usize; 3] = [5, 5, 2]; // columns of the name, meta and id group of a chunk
const CHECK: usize = 8;

/// Where a group of columns can be had: its address, and its size as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// What `GET /chunk/HASH` is asked for, in 32 hex digits.
    pub address: u128,
    /// Bytes, as it stands in the snapshot.
    pub stored_size: u64,
}

/// One chunk of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How many entries it has.
    pub entry_count: u64,
    /// Its names, its values, its ids.
    pub groups: [Group; 3],
}

/// A snapshot with the addresses of its parts in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    header: Header,
    head: Vec<u8>, // of the document: flags to counts
    entry_count: u64,
    child_count: u64,
    chunks: Vec<Chunk>,
}

impl Manifest {
    /// Decodes a document, with every check.
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode(data: &[u8]) -> Result<Self, QtnError> {
        let (mut r, _) = open(data, MANIFEST, 0, CHECK)?;
        let header = Header::read(&mut r)?;
        let counts = Counts::read(&mut r, ENTRIES_MAX as usize)?;
        let head = data[MANIFEST.len()..r.offset()].to_vec();
        let (mut chunks, mut to_come) = (Vec::new(), counts.entries);
        for _ in 0..counts.chunks {
            let entry_count = read_chunk_size(&mut r, to_come)?;
            let groups = [read_group(&mut r)?, read_group(&mut r)?, read_group(&mut r)?];
            chunks.push(Chunk { entry_count, groups });
            to_come -= entry_count;
        }
        r.close()?;
        if to_come > 0 {
            return Err(r.fail("entry-count"));
        }
        Ok(Self { header, head, entry_count: counts.entries, child_count: counts.children, chunks })
    }

    /// How many entries the snapshot has, the top not counted.
    #[must_use]
    pub const fn entry_count(&self) -> u64 {
        self.entry_count
    }

    /// How many children the top has.
    #[must_use]
    pub const fn child_count(&self) -> u64 {
        self.child_count
    }

    /// The chunks, in their order.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The groups of all chunks, in the order of the snapshot.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        self.chunks.iter().flat_map(|chunk| chunk.groups)
    }

    /// The snapshot this is the manifest of, byte for byte, made of its groups in their order.
    ///
    /// # Errors
    /// `address` for a group that is missing, too many, or not what its address and size say; the offset is its index.
    pub fn assemble<G: AsRef<[u8]>>(&self, groups: &[G]) -> Result<Vec<u8>, QtnError> {
        let told = 3 * self.chunks.len();
        if groups.len() != told {
            return Err(QtnError::new("address", groups.len().min(told)));
        }
        for (index, (told, group)) in self.groups().zip(groups).enumerate() {
            let group = group.as_ref();
            if group.len() as u64 != told.stored_size || address(group) != Ok(told.address) {
                return Err(QtnError::new("address", index));
            }
        }
        let mut data = SNAPSHOT.to_vec();
        data.extend_from_slice(&self.head);
        for (chunk, groups) in self.chunks.iter().zip(groups.chunks_exact(3)) {
            write_varint(&mut data, chunk.entry_count);
            groups.iter().for_each(|group| data.extend_from_slice(group.as_ref()));
        }
        Ok(sealed(data))
    }
}

impl Deref for Manifest {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}

fn read_group(r: &mut Cursor<'_>) -> Result<Group, QtnError> {
    Ok(Group { address: u128::from_le_bytes(r.array()?), stored_size: r.varint()? })
}

fn write_varint(data: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        data.push(value as u8 | 0x80);
        value >>= 7;
    }
    data.push(value as u8);
}

/// The address of a group, given as it stands in a snapshot.
///
/// # Errors
/// What is wrong with its columns; `bytes-left-over` where there are more than five, which are not unpacked.
pub fn address(group: &[u8]) -> Result<u128, QtnError> {
    let (mut r, mut raw) = (Cursor::new(group, 0), Vec::new());
    let (mut unpacker, mut buffer, mut count) = (Unpacker::default(), Vec::new(), 0);
    while r.left() > 0 {
        if count == GROUPS[0] {
            return Err(r.fail("bytes-left-over"));
        }
        count += 1;
        let column = Column::read(&mut r, COLUMN_MAX)?;
        column.unpack(&mut unpacker, &mut buffer)?;
        write_varint(&mut raw, column.raw_size() as u64);
        raw.extend_from_slice(column.cursor(&buffer).rest());
    }
    Ok(hash128(&raw))
}

/// Where each group of a snapshot lies in it, three for each chunk; nothing is unpacked.
///
/// # Errors
/// The first defect met.
pub fn groups(snapshot: &[u8]) -> Result<Vec<Range<usize>>, QtnError> {
    let (mut r, _) = open(snapshot, SNAPSHOT, 0, CHECK)?;
    Header::read(&mut r)?;
    let counts = Counts::read(&mut r, ENTRIES_MAX as usize)?;
    let mut ranges = Vec::new();
    for _ in 0..counts.chunks {
        read_chunk_size(&mut r, ENTRIES_MAX)?;
        for columns in GROUPS {
            let start = r.offset();
            for _ in 0..columns {
                Column::read(&mut r, COLUMN_MAX)?;
            }
            ranges.push(start..r.offset());
        }
    }
    r.close()?;
    Ok(ranges)
}
