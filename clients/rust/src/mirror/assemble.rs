//! An opening's trees: whole, or made of the groups that are held and those that were fetched.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde::Deserialize;
use tokio::task::JoinError;

use crate::error::{Error, Problem};
use crate::qtn1::{Group, Manifest, QtnError, address, from_text, groups};
use crate::sse::Frame;
use crate::stream::check_protocol;
use crate::transport::{Request, Transport};

/// A tree as the opening tells it.
#[derive(Deserialize)]
struct Told {
    compressed: Option<String>,
    manifest: Option<String>,
    reason: Option<String>,
}

/// The snapshots of an opening, as bytes.
pub(super) struct Opening {
    pub(super) documents: Vec<Arc<Vec<u8>>>,
    pub(super) is_rebase: bool,
    pub(super) fetched: usize,
}

/// Groups by their addresses.
type Known = HashMap<u128, Vec<u8>>;

/// Why an opening can't be used.
pub(super) enum Refusal {
    /// A document is wrong.
    Damaged(Error),
    /// A group is not what its address says, or can't be had.
    Group(Error),
    /// The connection, or the protocol.
    Failed(Error),
}

impl From<QtnError> for Refusal {
    fn from(error: QtnError) -> Self {
        Self::Damaged(error.into())
    }
}

impl From<JoinError> for Refusal {
    /// The runtime is being shut down.
    fn from(_: JoinError) -> Self {
        Self::Failed(Error::Closed)
    }
}

impl Opening {
    /// Of these frames, all of event `tree`; `held` are the snapshots of the opening before.
    pub(super) async fn of(frames: Vec<Frame>, held: &[Arc<Vec<u8>>], transport: &Transport) -> Result<Self, Refusal> {
        let mut opening = Self { documents: Vec::new(), is_rebase: false, fetched: 0 };
        let mut known = None;
        for frame in frames {
            let data = frame.data.unwrap_or_default();
            let told = tokio::task::spawn_blocking(move || Told::of(&data)).await??;
            opening.is_rebase |= told.reason.as_deref() == Some("rebase");
            let document = if let Some(manifest) = told.manifest {
                let known = match &mut known {
                    Some(known) => known,
                    none => none.insert(known_groups(held.to_vec()).await?),
                };
                let manifest = Manifest::decode(&from_text(&manifest)?)?;
                let (document, fetched) = assemble(manifest, known, transport).await?;
                opening.fetched += fetched;
                document
            } else {
                from_text(&told.compressed.unwrap_or_default())?
            };
            opening.documents.push(Arc::new(document));
        }
        Ok(opening)
    }
}

impl Told {
    fn of(data: &str) -> Result<Self, Refusal> {
        check_protocol(data).map_err(|error| match error {
            Error::Protocol { .. } => Refusal::Failed(error),
            _ => Refusal::Damaged(error),
        })?;
        serde_json::from_str(data).map_err(|error| Refusal::Damaged(error.into()))
    }
}

/// What is held was taken before: each part of it is right.
async fn known_groups(held: Vec<Arc<Vec<u8>>>) -> Result<Known, Refusal> {
    let work = move || {
        let mut known = Known::new();
        for document in held {
            for range in groups(&document)? {
                let group = document[range].to_vec();
                known.insert(address(&group)?, group);
            }
        }
        Ok::<_, QtnError>(known)
    };
    Ok(tokio::task::spawn_blocking(work).await??)
}

async fn assemble(manifest: Manifest, known: &mut Known, transport: &Transport) -> Result<(Vec<u8>, usize), Refusal> {
    let mut fetched = 0;
    let mut parts = Vec::new();
    for told in manifest.groups() {
        let group = match known.entry(told.address) {
            Entry::Occupied(held) => held.get().clone(),
            Entry::Vacant(missing) => {
                fetched += 1;
                missing.insert(fetch(told, transport).await?).clone()
            }
        };
        parts.push(group);
    }
    let document = tokio::task::spawn_blocking(move || manifest.assemble(&parts)).await??;
    Ok((document, fetched))
}

async fn fetch(told: Group, transport: &Transport) -> Result<Vec<u8>, Refusal> {
    let path = format!("/chunk/{:032x}", told.address);
    let mut request = Request::get(&path, Vec::new());
    request.accept = "*/*";
    match transport.call(request, std::time::Duration::ZERO).await {
        Ok(group) if address(&group) == Ok(told.address) && group.len() as u64 == told.stored_size => Ok(group),
        Ok(_) => Err(Refusal::Group(QtnError::new("address", 0).into())),
        Err(error @ Error::Http(Problem { status: 404, .. })) => Err(Refusal::Group(error)),
        Err(error) => Err(Refusal::Failed(error)),
    }
}
