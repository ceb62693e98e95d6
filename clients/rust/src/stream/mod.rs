//! The stream: a connection that comes back by itself, its batches, its events.

mod backoff;
mod client;
mod event;
mod link;

pub use client::{Builder, SseClient};
pub use event::{Change, ChangeType, Event, Kind, Message, Stats, Tree, TreeStats};

pub(crate) use event::{check_protocol, refuse_higher};
pub(crate) use link::{Link, Signal};
