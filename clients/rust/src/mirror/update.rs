//! What the mirror says of itself.

use std::collections::VecDeque;

use super::mailbox::Pending;
use crate::error::Error;

const UPDATES_MAX: usize = 1024;

/// Why everything was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is the first tree.
    Initial,
    /// The server could not lead on from the mirror's clock.
    Server,
    /// A batch began after the mirror's clock.
    Gap,
    /// A batch was of another epoch.
    Epoch,
    /// The digest after a batch was another.
    Digest,
    /// A document was refused.
    Damaged,
}

impl Reason {
    /// The reason as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Server => "server",
            Self::Gap => "gap",
            Self::Epoch => "epoch",
            Self::Digest => "digest",
            Self::Damaged => "damaged",
        }
    }
}

/// What has become of the mirror.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Update {
    /// Everything was replaced.
    Rebased {
        /// Why.
        reason: Reason,
        /// The clock of the tree now.
        clock: String,
        /// How many groups of columns were fetched singly; all others were held.
        fetched: usize,
    },
    /// The tree is the one of this clock: after each replacement, and each batch that was applied.
    Applied {
        /// The clock of the tree now.
        clock: String,
        /// Of all roots together.
        digest: u128,
        /// The roots among them.
        entries: usize,
    },
    /// The connection has ended and will be made again; the tree is the last good one meanwhile.
    Lost(Error),
    /// For good.
    Ended(Error),
}

/// Updates that nobody has read yet: the newest, if there are more than [`UPDATES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Update>);

impl Pending for Recent {
    type Given = Update;
    type Taken = Update;

    fn give(&mut self, update: Update) {
        if self.0.len() == UPDATES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(update);
    }

    fn take(&mut self) -> Option<Update> {
        self.0.pop_front()
    }
}
