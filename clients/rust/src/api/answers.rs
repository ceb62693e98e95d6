//! What the calls answer. Fields without a name here, also those of later servers, are in `other`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stream::TreeStats;

/// Of `/clock`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ClockInfo {
    /// The clock: compare it for equality, hand it back, nothing else.
    pub clock: String,
    /// The version of the protocol.
    pub protocol: u64,
    /// The server's version.
    pub version: String,
    /// Whether the server's stats have something to say.
    #[serde(default)]
    pub degraded: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `/tree`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TreeAnswer {
    /// The directory's absolute path.
    pub path: String,
    /// How the tree is told.
    pub mode: String,
    /// The clock it is of.
    pub clock: String,
    /// In mode quantum: the snapshot, as a text of QTN1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed: Option<String>,
    /// With `tree=manifest`: the manifest, as a text of QTN1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// In mode json: the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<Value>,
    /// In all other modes: the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is below the directory.
    #[serde(default)]
    pub stats: TreeStats,
    /// The directory's digest, 32 hex digits.
    pub digest: Option<String>,
    /// The version of the protocol.
    pub protocol: u64,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `/changes`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Changes {
    /// The clock to ask with the next time.
    pub clock: String,
    /// The clock that was asked with.
    pub from: String,
    /// False where it ends in the middle of something larger, whose rest follows.
    pub complete: bool,
    /// The changes, in their order: `type`, `path`, `kind`, `size` and so on.
    pub changes: Vec<Value>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `/stats`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerStats {
    /// Entries that are no directory.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Bytes.
    pub size: u64,
    /// The clock.
    pub clock: String,
    /// What could not be read: `path`, `errno`, `message`.
    #[serde(default)]
    pub problems: Vec<Value>,
    /// Everything else: `by_extension`, `largest`, `windows`, `watcher`, `streams` and so on.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `GET /watch`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Roots {
    /// The roots: `path`, `state`, `entries` and so on.
    pub roots: Vec<Value>,
    /// Below what roots may come and go.
    #[serde(default)]
    pub bases: Vec<Value>,
    /// The clock.
    pub clock: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `POST /watch` and `DELETE /watch`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct WatchAnswer {
    /// The real path of the root.
    pub path: String,
    /// The clock that has the change.
    pub clock: String,
    /// Whether there was something to do.
    pub changed: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Of `POST /ticket`.
#[derive(Clone, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Ticket {
    /// For the address of an `EventSource`: as good as the token.
    pub ticket: String,
    /// Within how many seconds it has to be used first.
    pub first_use_s: f64,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("first_use_s", &self.first_use_s).finish_non_exhaustive()
    }
}
