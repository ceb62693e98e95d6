//! What the stream tells, typed. Fields that this version does not know are passed over.

use serde::Deserialize;

use crate::error::Error;
use crate::path::TreePath;
use crate::sse::Frame;

const PROTOCOL: u64 = 1;

/// What has happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeType {
    /// It is new.
    Created,
    /// Its mode, size or time is another.
    Modified,
    /// It is gone.
    Deleted,
    /// It is at another path.
    Renamed,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Something else.
    #[serde(other)]
    Other,
}

/// One event of the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// One change; [`Change`] has the same fields.
    Change {
        /// Where the entry is, or was.
        path: TreePath,
        /// What has happened.
        change_type: ChangeType,
        /// Where it was before it was renamed.
        old_path: Option<TreePath>,
        /// What it is.
        kind: Kind,
        /// Bytes; 0 for a directory.
        size: u64,
        /// When the batch was committed, RFC 3339.
        timestamp: String,
        /// This change as a text of QTN1.
        delta: Option<String>,
        /// Of a modified file, if known: `same` or `changed`.
        content: Option<String>,
    },
    /// Every change of a batch, as a text of QTN1: for [`decompress_quantum`](crate::qtn1::decompress_quantum).
    Quantum(String),
    /// A root's tree.
    Tree(Box<Tree>),
    /// A root's figures.
    Stats(Box<Stats>),
    /// The last event of an opening or a batch.
    Message(Message),
    /// The connection was lost, and will be made again: the stream goes on where it was.
    Lost(Error),
    /// An event that this version does not know, or can't read.
    Other {
        /// Its name.
        event: String,
        /// Its data.
        data: String,
    },
}

/// One change, as [`SseClient::on_change`](crate::SseClient::on_change) tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where the entry is, or was.
    pub path: TreePath,
    /// What has happened.
    pub change_type: ChangeType,
    /// Where it was before it was renamed.
    pub old_path: Option<TreePath>,
    /// What it is.
    pub kind: Kind,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// When the batch was committed, RFC 3339.
    pub timestamp: String,
    /// This change as a text of QTN1.
    pub delta: Option<String>,
    /// Of a modified file, if known: `same` or `changed`.
    pub content: Option<String>,
}

/// The event `tree`.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Tree {
    /// The root's absolute path (where that is not UTF-8, with U+FFFD).
    pub path: String,
    /// How the tree is told.
    pub mode: String,
    /// In mode quantum: the snapshot, as a text of QTN1.
    pub compressed: Option<String>,
    /// With `tree=manifest`: the snapshot's manifest, as a text of QTN1.
    pub manifest: Option<String>,
    /// In mode json: the document.
    pub tree: Option<serde_json::Value>,
    /// In all other modes: the document.
    pub text: Option<String>,
    /// What is below the root.
    #[serde(default)]
    pub stats: TreeStats,
    /// The clock this tree is of.
    pub clock: String,
    /// The root's digest, 32 hex digits.
    pub digest: Option<String>,
    /// `initial` or `rebase`.
    pub reason: Option<String>,
    /// Whether only a part of the tree is told.
    #[serde(default)]
    pub filtered: bool,
    /// The version of the protocol.
    pub protocol: Option<u64>,
    /// The server's version.
    pub version: Option<String>,
}

/// How much there is below a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TreeStats {
    /// Entries that are no directory.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Bytes.
    pub size: u64,
}

/// The event `stats`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Stats {
    /// The root's absolute path.
    pub path: String,
    /// The time that the next three fields are about, such as `5m`.
    pub interval: String,
    /// Changes.
    pub changes: u64,
    /// Growth, for people.
    pub growth: String,
    /// Growth, in bytes.
    pub growth_bytes: i64,
    /// Up to ten, relative to the root, the one changed most often first.
    pub hot_files: Vec<String>,
    /// What is below the root.
    #[serde(flatten)]
    pub stats: TreeStats,
}

/// The last event of an opening or a batch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Message {
    /// The clock after it.
    pub clock: String,
    /// How many changes the batch has.
    pub changes: u64,
    /// Of all roots together.
    pub stats: TreeStats,
    /// Of all roots together, 32 hex digits.
    pub digest: Option<String>,
    /// Whether it is a piece of something larger, whose next piece follows.
    pub more: bool,
    /// Where version control has moved a root's HEAD: `root`, `from`, `to`.
    pub vcs: Option<serde_json::Value>,
    /// Where something has become of a root: `path`, `state`.
    pub root: Option<serde_json::Value>,
}

/// The event `change`, as it comes.
#[derive(Deserialize)]
struct RawChange {
    #[serde(rename = "type")]
    change_type: ChangeType,
    path: String,
    path_b64: Option<String>,
    old_path: Option<String>,
    old_path_b64: Option<String>,
    #[serde(default = "other")]
    kind: Kind,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    timestamp: String,
    delta: Option<String>,
    content: Option<String>,
}

const fn other() -> Kind {
    Kind::Other
}

impl Event {
    /// What is not as this version knows it is handed on as it came; only a tree of a higher protocol is refused.
    pub(crate) fn of(frame: &Frame) -> Result<Self, Error> {
        let data = frame.data.as_deref().unwrap_or_default();
        let other = || Self::Other { event: frame.event.clone(), data: data.to_owned() };
        match Self::known(&frame.event, data) {
            Err(Error::Json(_)) => Ok(other()),
            known => Ok(known?.unwrap_or_else(other)),
        }
    }

    fn known(event: &str, data: &str) -> Result<Option<Self>, Error> {
        Ok(Some(match event {
            "change" => Change::of(serde_json::from_str(data)?).into(),
            "quantum" => Self::Quantum(data.to_owned()),
            "tree" => {
                check_protocol(data)?;
                Self::Tree(serde_json::from_str(data)?)
            }
            "stats" => Self::Stats(serde_json::from_str(data)?),
            "message" => Self::Message(serde_json::from_str(data)?),
            _ => return Ok(None),
        }))
    }

    /// The change that it is, if it is one.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        let Self::Change { path, change_type, old_path, kind, size, timestamp, delta, content } = self else {
            return None;
        };
        Some(Change {
            path: path.clone(),
            change_type: *change_type,
            old_path: old_path.clone(),
            kind: *kind,
            size: *size,
            timestamp: timestamp.clone(),
            delta: delta.clone(),
            content: content.clone(),
        })
    }
}

impl Change {
    fn of(raw: RawChange) -> Self {
        let old_path = raw.old_path.map(|path| TreePath::told(path, raw.old_path_b64.as_deref()));
        Self {
            path: TreePath::told(raw.path, raw.path_b64.as_deref()),
            change_type: raw.change_type,
            old_path,
            kind: raw.kind,
            size: raw.size,
            timestamp: raw.timestamp,
            delta: raw.delta,
            content: raw.content,
        }
    }
}

impl From<Change> for Event {
    fn from(change: Change) -> Self {
        let Change { path, change_type, old_path, kind, size, timestamp, delta, content } = change;
        Self::Change { path, change_type, old_path, kind, size, timestamp, delta, content }
    }
}

/// Refuses a `tree` of a protocol that is above ours, whatever else it has.
pub(crate) fn check_protocol(tree: &str) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Told {
        protocol: Option<u64>,
    }
    let told: Told = serde_json::from_str(tree)?;
    told.protocol.map_or(Ok(()), refuse_higher)
}

/// Refuses a protocol that is above ours.
pub(crate) const fn refuse_higher(version: u64) -> Result<(), Error> {
    if version > PROTOCOL { Err(Error::Protocol { version }) } else { Ok(()) }
}
