//! The task behind a mirror: it takes what the stream brings, and asks for the tree anew where it can't go on.

use std::sync::Arc;

use super::apply::{Before, OutOfStep};
use super::assemble::{Opening, Refusal};
use super::changes::{changes_of, difference};
use super::handle::Shared;
use super::tree::Tree;
use super::update::{Reason, Update};
use crate::error::Error;
use crate::qtn1::{Batch, QtnError, Snapshot, from_text};
use crate::query::Query;
use crate::sse::{Batch as Frames, Frame};
use crate::stream::{Link, Signal};
use crate::transport::Transport;

/// A text of more bytes is decoded and applied beside the event loop, not on it.
const INLINE_MAX_BYTES: usize = 64 << 10;

pub(super) struct Follower {
    shared: Arc<Shared>,
    link: Link,
    transport: Transport,
    query: Query,
    held: Vec<Arc<Vec<u8>>>, // the snapshots of the last opening, whose groups needn't be fetched again
    reason: Option<Reason>,  // why the next opening was asked for
    wants_whole: bool,       // a group could not be had
    wrong_in_a_row: u32,
}

/// Why the mirror can't go on.
enum Stop {
    AskAnew(Reason, Error),
    End(Error),
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>, transport: Transport, query: Query) -> Self {
        let (full, link) = (asking_for("full", &query), transport.clone());
        let link = Link::new(link, full);
        Self { shared, link, transport, query, held: Vec::new(), reason: None, wants_whole: false, wrong_in_a_row: 0 }
    }

    /// Makes the first connection.
    pub(super) async fn open(&mut self) -> Result<(), Error> {
        self.link.open().await
    }

    /// Follows until the stream ends for good.
    pub(super) async fn run(mut self) {
        let error = loop {
            match self.link.next().await {
                Signal::Lost(error) => self.shared.tell(Update::Lost(error)),
                Signal::Ended(error) => break error,
                Signal::Batch(frames) => match self.take(frames).await {
                    Ok(()) => {}
                    Err(Stop::End(error)) => break error,
                    Err(Stop::AskAnew(reason, error)) => self.ask_anew(reason, error),
                },
            }
        };
        self.shared.end(error);
    }

    async fn take(&mut self, frames: Frames) -> Result<(), Stop> {
        let (trees, others): (Vec<Frame>, Vec<Frame>) =
            frames.frames.into_iter().partition(|frame| frame.event == "tree");
        if !trees.is_empty() {
            self.replace(trees, &frames.clock).await?;
        }
        for frame in others.into_iter().filter(|frame| frame.event == "quantum") {
            self.apply(frame.data.unwrap_or_default(), &frames.clock).await?;
        }
        Ok(())
    }

    async fn replace(&mut self, trees: Vec<Frame>, clock: &str) -> Result<(), Stop> {
        let opening = Opening::of(trees, &self.held, &self.transport).await.map_err(|refusal| match refusal {
            Refusal::Damaged(error) => Stop::AskAnew(Reason::Damaged, error),
            Refusal::Group(error) => {
                self.wants_whole = true;
                Stop::AskAnew(Reason::Damaged, error)
            }
            Refusal::Failed(error) if error.is_final() => Stop::End(error),
            Refusal::Failed(error) => Stop::AskAnew(self.reason.unwrap_or(Reason::Server), error),
        })?;
        let (shared, documents, at) = (Arc::clone(&self.shared), opening.documents.clone(), Arc::from(clock));
        let replaced = tokio::task::spawn_blocking(move || replace(&shared, &documents, &at)).await;
        replaced.map_err(|_| Stop::End(Error::Closed))?.map_err(damaged)?;
        let reason = if self.held.is_empty() { Reason::Initial } else { self.reason.unwrap_or(Reason::Server) };
        self.held = opening.documents;
        (self.reason, self.wants_whole) = (None, false);
        self.link.set_query(asking_for("manifest", &self.query));
        self.shared.tell(Update::Rebased { reason, clock: clock.to_owned(), fetched: opening.fetched });
        self.shared.tell_applied(clock);
        Ok(())
    }

    async fn apply(&mut self, text: String, clock: &str) -> Result<(), Stop> {
        let (shared, at) = (Arc::clone(&self.shared), Arc::from(clock));
        let applied = if text.len() <= INLINE_MAX_BYTES {
            apply(&shared, &text, &at)
        } else {
            let work = tokio::task::spawn_blocking(move || apply(&shared, &text, &at)).await;
            work.map_err(|_| Stop::End(Error::Closed))?
        };
        if applied? {
            self.wrong_in_a_row = 0;
            self.shared.tell_applied(clock);
        }
        Ok(())
    }

    /// Drops the connection and comes back without a clock: at once, or after a while if that is not the first time.
    fn ask_anew(&mut self, reason: Reason, error: Error) {
        let what = if self.wants_whole || self.held.is_empty() { "full" } else { "manifest" };
        self.reason = Some(reason);
        self.link.restart(asking_for(what, &self.query), self.wrong_in_a_row);
        self.wrong_in_a_row += 1;
        self.shared.tell(Update::Lost(error));
    }
}

fn damaged(error: QtnError) -> Stop {
    Stop::AskAnew(Reason::Damaged, error.into())
}

impl From<OutOfStep> for Stop {
    fn from(why: OutOfStep) -> Self {
        let reason = match why {
            OutOfStep::Gap => Reason::Gap,
            OutOfStep::Epoch => Reason::Epoch,
            OutOfStep::Digest => Reason::Digest,
            OutOfStep::Damaged(_) => Reason::Damaged,
        };
        Self::AskAnew(reason, why.into())
    }
}

fn asking_for(tree: &str, query: &Query) -> Query {
    Query {
        since: None,
        events: vec!["tree".to_owned(), "quantum".to_owned()],
        mode: Some("quantum".to_owned()),
        tree: Some(tree.to_owned()),
        only: None,
        ..query.clone()
    }
}

/// Takes these trees in the place of everything; subscribers are told what differs, unless they are the first.
fn replace(shared: &Shared, documents: &[Arc<Vec<u8>>], clock: &Arc<str>) -> Result<(), QtnError> {
    let snapshots: Result<Vec<_>, _> = documents.iter().map(|document| Snapshot::decode(document)).collect();
    let tree = Tree::new(&snapshots?)?;
    let mut held = shared.write();
    let was = std::mem::replace(&mut *held, tree);
    shared.tell_subscribers(|| if shared.is_ready() { difference(&was, &held, clock) } else { Vec::new() });
    Ok(())
}

fn apply(shared: &Shared, text: &str, clock: &Arc<str>) -> Result<bool, Stop> {
    let batch = Batch::decode(&from_text(text).map_err(damaged)?).map_err(damaged)?;
    let mut tree = shared.write();
    let before: Option<Before> = tree.apply_telling(&batch)?;
    let Some(before) = before else { return Ok(false) };
    shared.tell_subscribers(|| changes_of(&before, &tree, clock));
    Ok(true)
}
