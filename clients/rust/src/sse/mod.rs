//! `text/event-stream`, exact to the letter of the HTML standard (section 9.2.6), and batches of its frames.
//!
//! Law: the same events come out whatever pieces the bytes come in. No sockets, clocks or tasks here.

mod gather;
mod parser;

pub use gather::{Batch, Gatherer};
pub use parser::{Frame, Parser, TooLarge};
