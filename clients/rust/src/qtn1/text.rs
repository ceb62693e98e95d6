//! The text forms: a prefix for each kind of document, and base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::batch::{Batch, Delta};
use super::document::{BATCH, DELTA, MANIFEST, SNAPSHOT};
use super::error::QtnError;
use super::manifest::Manifest;
use super::snapshot::Snapshot;

/// `QTN1:` begins them all, so it stands last.
const PREFIXES: [(&str, [u8; 3]); 4] =
    [("QTN1:DELTA:", DELTA), ("QTN1:BATCH:", BATCH), ("QTN1:MANIFEST:", MANIFEST), ("QTN1:", SNAPSHOT)];

/// A document of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Document {
    /// A directory with everything below it.
    Snapshot(Snapshot),
    /// A snapshot with the addresses of its parts in their place.
    Manifest(Manifest),
    /// Every change between two clocks.
    Batch(Batch),
    /// One change.
    Delta(Delta),
}

/// The document of a text form of any kind, decoded with every check: what the `quantum` event tells, and the fields
/// `compressed`, `manifest` and `delta`.
///
/// # Errors
/// The first defect met.
pub fn decompress_quantum(text: &str) -> Result<Document, QtnError> {
    decode(&from_text(text)?)
}

/// Decodes a document of any kind, with every check.
///
/// # Errors
/// The first defect met; `magic` for what is none of the four kinds.
pub fn decode(data: &[u8]) -> Result<Document, QtnError> {
    match data.first_chunk() {
        Some(&DELTA) => Delta::decode(data).map(Document::Delta),
        Some(&BATCH) => Batch::decode(data).map(Document::Batch),
        Some(&MANIFEST) => Manifest::decode(data).map(Document::Manifest),
        _ => Snapshot::decode(data).map(Document::Snapshot),
    }
}

/// The bytes of a text form, not yet decoded.
///
/// # Errors
/// `text-prefix`, or `base64`.
pub fn from_text(text: &str) -> Result<Vec<u8>, QtnError> {
    let known = PREFIXES.iter().find_map(|(prefix, magic)| Some((prefix, magic, text.strip_prefix(prefix)?)));
    let (prefix, magic, encoded) = known.ok_or(QtnError::new("text-prefix", 0))?;
    let data = STANDARD.decode(encoded).map_err(|_| QtnError::new("base64", prefix.len()))?;
    if data.starts_with(magic) { Ok(data) } else { Err(QtnError::new("text-prefix", 0)) }
}
