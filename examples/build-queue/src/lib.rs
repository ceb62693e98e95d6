//! The queue itself: which crates are still to be checked. No processes here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Crates to check, in the order in which they first changed, each at most once.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<PathBuf>,
}

impl Queue {
    /// A file has changed: its crate is to be checked, if it is one's.
    pub fn push(&mut self, path: &Path) {
        if let Some(manifest) = manifest_of(path).filter(|manifest| !self.waiting.contains(manifest)) {
            self.waiting.push_back(manifest);
        }
    }

    /// The next crate's `Cargo.toml`. From now on a change asks for it again.
    pub fn pop(&mut self) -> Option<PathBuf> {
        self.waiting.pop_front()
    }
}

/// The nearest `Cargo.toml` at or above a path, which need not be there any more.
#[must_use]
pub fn manifest_of(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).map(|directory| directory.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Queue, manifest_of};

    #[test]
    fn a_crate_waits_once_and_is_asked_for_again_after_it_was_taken() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = here.join("Cargo.toml");
        let mut queue = Queue::default();
        queue.push(&here.join("src/lib.rs"));
        queue.push(&here.join("src/gone/deeper/x.rs"));
        queue.push(&manifest);
        assert_eq!((queue.pop(), queue.pop()), (Some(manifest.clone()), None));
        queue.push(&here.join("src/lib.rs"));
        assert_eq!(queue.pop(), Some(manifest));
        assert_eq!(manifest_of(Path::new("/nowhere/x.rs")), None);
    }
}
