//! Section 5: every change between two clocks, or one change without any.

use super::document::{BATCH, DELTA, FLAG_SIZES, FLAG_VOID_DIGEST, open};
use super::entry::ENTRIES_MAX;
use super::error::QtnError;
use super::records::Records;

const CHECK: usize = 4;

/// Every change between two clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The epoch of both clocks.
    pub epoch: u64,
    /// It can be applied to what is of this clock, or a later one.
    pub from_seq: u64,
    /// What it is applied to is of this clock then.
    pub to_seq: u64,
    /// The low half of the service's digest after it; None where there is none.
    pub digest_low: Option<u64>,
    /// What has changed.
    pub records: Records,
}

impl Batch {
    /// Decodes a document, with every check.
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode(data: &[u8]) -> Result<Self, QtnError> {
        Self::decode_bounded(data, ENTRIES_MAX as usize)
    }

    /// The same, refusing what announces more records than this (`too-many-records`).
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode_bounded(data: &[u8], max_records: usize) -> Result<Self, QtnError> {
        let (mut r, flags) = open(data, BATCH, FLAG_SIZES | FLAG_VOID_DIGEST, CHECK)?;
        let epoch = u64::from_le_bytes(r.array()?);
        let from_seq = r.varint()?;
        let step = r.limited(u64::MAX - from_seq, "clock")?;
        if step == 0 {
            return Err(r.fail("clock"));
        }
        let digest = u64::from_le_bytes(r.array()?);
        let void = flags & FLAG_VOID_DIGEST != 0;
        if void && digest != 0 {
            return Err(r.fail("void-digest"));
        }
        let records = Records::read(r, flags & FLAG_SIZES != 0, max_records)?;
        Ok(Self { epoch, from_seq, to_seq: from_seq + step, digest_low: (!void).then_some(digest), records })
    }
}

/// One change, for who keeps no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// What has changed.
    pub records: Records,
}

impl Delta {
    /// Decodes a document, with every check.
    ///
    /// # Errors
    /// The first defect met.
    pub fn decode(data: &[u8]) -> Result<Self, QtnError> {
        let (r, flags) = open(data, DELTA, FLAG_SIZES, CHECK)?;
        let records = Records::read(r, flags & FLAG_SIZES != 0, ENTRIES_MAX as usize)?;
        if records.is_empty() { Err(r.fail("empty-delta")) } else { Ok(Self { records }) }
    }
}
