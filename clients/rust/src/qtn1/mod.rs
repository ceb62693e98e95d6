//! QTN1: a directory tree, and its changes, in few bytes; decoded with every check of its specification.
//!
//! Law: whatever the bytes are, a function of this module answers with what the document says or with one [`QtnError`]:
//! it never panics, and never allocates more than the document may ask for. No sockets, clocks or tasks here.
//!
//! What is decoded is held in columns: a [`Snapshot`] of a million entries is a handful of vectors, and an [`Entry`] is
//! made only when it is asked for.
//!
//! ```
//! use smart_tree_sse::qtn1::{decompress_quantum, Document};
//!
//! # fn main() -> Result<(), smart_tree_sse::qtn1::QtnError> {
//! let text = concat!("QTN1:AQIDAO/Nq4lnRSMBBQECL3DtgwGAgNDixr/Oly+mynxxsMSoB1nC3y4K9R6wBAIBBAEBAgQEAAAAABUV",
//!     "UkVBRE1FAHNyYwBtYWluAHV0aWwAAwMuYwAEBAAAAQEJCQLtQaSBAQABAQQEBAAKCQMDRM8CCwsCgIDQ4sa/zpcvBQQEAAAAAgAAAABK",
//!     "J3OEJyb4lA==");
//! let Document::Snapshot(tree) = decompress_quantum(text)? else { unreachable!("the prefix says so") };
//! let names: Vec<_> = tree.entries().iter().map(|entry| String::from_utf8_lossy(entry.name).into_owned()).collect();
//! assert_eq!(names, ["README", "src", "main.c", "util.c"]);
//! # Ok(())
//! # }
//! ```

mod batch;
mod chunk;
mod columns;
mod cursor;
mod digest;
mod document;
mod entry;
mod error;
mod frame;
mod header;
mod manifest;
mod names;
mod place;
mod records;
mod snapshot;
mod text;
mod values;
mod xxh64;

pub use batch::{Batch, Delta};
pub use columns::{Entries, Entry, Iter};
pub use error::QtnError;
pub use header::Header;
pub use manifest::{Chunk, Group, Manifest, address, groups};
pub use records::{Mask, Record, Records};
pub use snapshot::Snapshot;
pub use text::{Document, decode, decompress_quantum, from_text};

pub(crate) use digest::{weigh, weigh_root};
pub(crate) use entry::{DEPTH_MAX, is_dir};
