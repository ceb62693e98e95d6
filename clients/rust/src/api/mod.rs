//! The calls: what a server answers once, each within a timeout.

mod answers;
mod client;
mod requests;
mod search;

pub use answers::{Changes, ClockInfo, Roots, ServerStats, Ticket, TreeAnswer, WatchAnswer};
pub use client::Client;
pub use requests::{ChangesRequest, SearchRequest, TreeRequest};
pub use search::{Found, Search};
