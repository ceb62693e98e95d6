#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod api;
mod error;
mod glob;
pub mod mirror;
mod options;
mod path;
pub mod qtn1;
mod query;
pub mod sse;
mod stream;
mod transport;

pub use api::Client;
pub use error::{Error, Problem};
pub use glob::Glob;
pub use mirror::{Mirror, Subscription};
pub use options::Options;
pub use path::TreePath;
pub use qtn1::decompress_quantum;
pub use query::Query;
pub use stream::{Builder, Change, ChangeType, Event, Kind, Message, SseClient, Stats, Tree, TreeStats};
