//! What a mirror's readers hold: changes by glob, and what becomes of the mirror itself.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::changes::TreeChange;
use super::mailbox::Mailbox;
use super::queue::Changes;
use super::update::{Recent, Update};
use crate::glob::Glob;

/// The globs of a subscriber, and what waits for him.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) globs: Vec<Glob>,
    pub(super) mailbox: Mailbox<Changes>,
}

/// Each change of an entry that matches at its old or its new path. It ends with the mirror.
///
/// It may be read as slowly as one likes: nothing is lost, and nobody else waits. Who has left more than 16,384 changes
/// unread is told the later ones as the difference they come to, path by path: then nothing is `renamed`, and what came
/// and went is not told.
#[derive(Debug)]
pub struct Subscription(pub(super) Arc<Subscriber>);

/// What becomes of the mirror. Of more than 1,024 that nobody has read, the oldest are dropped.
#[derive(Debug)]
pub struct Updates(pub(super) Arc<Mailbox<Recent>>);

impl Subscription {
    /// The next change; None once the mirror has ended.
    pub async fn next(&mut self) -> Option<TreeChange> {
        poll_fn(|context| self.0.mailbox.poll_take(context)).await
    }

    /// The next change, if it is there already.
    pub fn try_next(&mut self) -> Option<TreeChange> {
        self.0.mailbox.try_take()
    }
}

impl Updates {
    /// The next update; None once the mirror has ended.
    pub async fn next(&mut self) -> Option<Update> {
        poll_fn(|context| self.0.poll_take(context)).await
    }
}

impl Stream for Subscription {
    type Item = TreeChange;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TreeChange>> {
        self.0.mailbox.poll_take(context)
    }
}

impl Stream for Updates {
    type Item = Update;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.0.poll_take(context)
    }
}
