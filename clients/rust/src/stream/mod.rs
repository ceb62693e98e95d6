//! The stream: a connection that comes back by itself, its batches, its events.

mod backoff;
mod client;
mod event;
mod link;

pub use client::{Builder, SseClient};
pub use event::{Change, ChangeType, Event, Kind, Message, Stats, Tree, TreeStats};

pub(crate) use backoff::Backoff;
pub(crate) use event::check_protocol;
pub(crate) use link::{Link, Signal};
