//! The live tree: kept up by the stream, checked by digest, looked up and subscribed to.
//!
//! [`Tree`], what changes between two of them, and the queues of subscribers are pure; [`Mirror`] is the shell around.

mod apply;
mod assemble;
mod changes;
mod follow;
mod handle;
mod ids;
mod mailbox;
mod queue;
mod subscription;
mod tree;
mod update;

pub use apply::OutOfStep;
pub use changes::{Attributes, TreeChange};
pub use handle::{Mirror, MirrorBuilder, View};
pub use subscription::{Subscription, Updates};
pub use tree::{Node, Tree};
pub use update::{Reason, Update};
