//! What breaks the format: a code and where.

use std::fmt;

/// A defect of a document: its code, as the specification prints it, and where it was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QtnError {
    code: &'static str,
    offset: usize,
}

impl QtnError {
    pub(crate) const fn new(code: &'static str, offset: usize) -> Self {
        Self { code, offset }
    }

    /// The stable code of the defect, such as `check` or `child-counts`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The byte of the document where reading stopped (within a compressed column, where that begins); for a batch that
    /// can't be applied the index of its record, and for a group that is not the manifest's, its index.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for QtnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QTN1: {} at {}", self.code, self.offset)
    }
}

impl std::error::Error for QtnError {}
