//! Section 3: a directory with everything below it.

use std::ops::Deref;

use super::chunk::ChunkReader;
use super::columns::Entries;
use super::digest::digests;
use super::document::{SNAPSHOT, open};
use super::entry::ENTRIES_MAX;
use super::error::QtnError;
use super::header::{Counts, Header, read_chunk_size};
use super::place::{check_below, check_ids, place};

/// A directory with everything below it, as of one clock. Its header's fields can be read through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    header: Header,
    entries: Entries,
    digests: Vec<u128>,
}

impl Snapshot {
    /// Decodes a document, with every check.
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode(data: &[u8]) -> Result<Self, QtnError> {
        Self::decode_bounded(data, ENTRIES_MAX as usize)
    }

    /// The same, refusing what announces more entries than this (`too-many-entries`) before anything is allocated.
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode_bounded(data: &[u8], max_entries: usize) -> Result<Self, QtnError> {
        let (mut r, _) = open(data, SNAPSHOT, 0, 8)?;
        let header = Header::read(&mut r)?;
        let counts = Counts::read(&mut r, max_entries)?;
        // Few documents take less than a byte for an entry: such a one grows as it is read.
        let room = (counts.entries as usize).min(data.len());
        let mut reader = ChunkReader::with_room(room);
        let (mut last_id, mut to_come) = (header.id, counts.entries);
        for _ in 0..counts.chunks {
            let size = read_chunk_size(&mut r, to_come)?;
            last_id = reader.read(&mut r, size as usize, last_id)?;
            to_come -= size;
        }
        r.close()?;
        let at = r.offset();
        if to_come > 0 {
            return Err(QtnError::new("entry-count", at));
        }
        let ChunkReader { mut entries, directories, falls, mut runs, .. } = reader;
        let above = place(&mut entries, &directories, &falls, counts.children as u32, at)?;
        check_ids(&mut runs, header.id, at)?;
        check_below(&directories, &above, at)?;
        let (digest, digests) = digests(&entries);
        if digest != header.digest {
            return Err(QtnError::new("digest", at));
        }
        Ok(Self { header, entries, digests })
    }

    /// The clock, and the top entry.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The entries below the top, in directory order.
    #[must_use]
    pub const fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Of each entry the digest of what is below it: 0 of what is no directory with children.
    #[must_use]
    pub fn digests(&self) -> &[u128] {
        &self.digests
    }
}

impl Deref for Snapshot {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.header
    }
}
