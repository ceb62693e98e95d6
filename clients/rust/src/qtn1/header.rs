//! What a snapshot and its manifest say of the clock and the top entry.

use super::cursor::Cursor;
use super::entry::{ENTRIES_MAX, ID_MAX, PATH_MAX, is_dir, is_path, read_mode};
use super::error::QtnError;

const CHUNK_MAX: u64 = 65_536;

/// The clock, and the top entry: the directory that the document tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The first part of the clock.
    pub epoch: u64,
    /// The second part of the clock.
    pub seq: u64,
    /// The id of the top.
    pub id: u32,
    /// The absolute path of the top.
    pub path: Vec<u8>,
    /// The mode of the top, which is a directory's.
    pub mode: u16,
    /// The time of the top, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The digest of the top: of everything below it.
    pub digest: u128,
}

impl Header {
    pub(super) fn read(r: &mut Cursor<'_>) -> Result<Self, QtnError> {
        let epoch = u64::from_le_bytes(r.array()?);
        let seq = r.varint()?;
        let id = r.limited(ID_MAX, "id-range")? as u32;
        if id == 0 {
            return Err(r.fail("id-range"));
        }
        let path_size = r.limited(PATH_MAX as u64, "path-too-long")? as usize;
        let path = r.raw(path_size)?.to_vec();
        let (mode, mtime_ns) = (read_mode(r)?, r.zigzag()?);
        if !(is_path(&path) && is_dir(mode)) {
            return Err(r.fail("top-entry"));
        }
        let digest = u128::from_le_bytes(r.array()?);
        Ok(Self { epoch, seq, id, path, mode, mtime_ns, digest })
    }
}

/// How many entries there are, how many of them below the top itself, and how many chunks.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) children: u64,
    pub(super) chunks: u64,
}

impl Counts {
    pub(super) fn read(r: &mut Cursor<'_>, max_entries: usize) -> Result<Self, QtnError> {
        let entries = r.limited(ENTRIES_MAX.min(max_entries as u64), "too-many-entries")?;
        let children = r.limited(entries, "child-counts")?;
        let chunks = r.limited(entries, "chunk-count")?;
        Ok(Self { entries, children, chunks })
    }
}

/// How many entries the chunk has that begins here, of those to come.
pub(super) fn read_chunk_size(r: &mut Cursor<'_>, to_come: u64) -> Result<u64, QtnError> {
    match r.limited(to_come.min(CHUNK_MAX), "chunk-size")? {
        0 => Err(r.fail("chunk-size")),
        size => Ok(size),
    }
}
