//! Changes that a subscriber has not read yet.
//!
//! Law: nothing is ever lost. Up to [`CHANGES_MAX`] changes wait one by one; more are put together by path, as the
//! difference between what the subscriber was told of a path and what is there now. So what waits has at most an entry
//! for each path that was or is in the tree, however long nobody reads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::changes::{Attributes, TreeChange};
use super::mailbox::Pending;
use crate::path::TreePath;
use crate::stream::ChangeType;

const CHANGES_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Changes {
    batches: VecDeque<VecDeque<TreeChange>>,
    count: usize,
    net: BTreeMap<TreePath, Net>,
}

/// What has become of a path since the subscriber was told of it.
#[derive(Debug)]
struct Net {
    was_there: bool,
    now: Option<Attributes>,
    clock: Arc<str>,
}

impl Pending for Changes {
    type Given = Vec<TreeChange>;
    type Taken = TreeChange;

    fn give(&mut self, batch: Vec<TreeChange>) {
        if self.net.is_empty() && self.count + batch.len() <= CHANGES_MAX {
            self.count += batch.len();
            self.batches.push_back(batch.into());
            return;
        }
        // The first batch may be half read, and what is left of it means nothing without the half that was.
        while self.batches.len() > 1 {
            if let Some(later) = self.batches.remove(1) {
                self.count -= later.len();
                self.merge(later);
            }
        }
        self.merge(batch.into());
    }

    fn take(&mut self) -> Option<TreeChange> {
        while let Some(batch) = self.batches.front_mut() {
            if let Some(change) = batch.pop_front() {
                self.count -= 1;
                return Some(change);
            }
            self.batches.pop_front();
        }
        self.net.pop_first().map(|(path, net)| net.into_change(path))
    }
}

impl Changes {
    /// First all that leaves a path, then all that comes to one: names may have been swapped.
    fn merge(&mut self, batch: VecDeque<TreeChange>) {
        for change in &batch {
            match change.change_type {
                ChangeType::Deleted => self.note(&change.path, true, None, &change.clock),
                ChangeType::Renamed => {
                    change.old_path.iter().for_each(|path| self.note(path, true, None, &change.clock));
                }
                _ => {}
            }
        }
        for change in &batch {
            if change.change_type != ChangeType::Deleted {
                let was_there = change.change_type == ChangeType::Modified;
                self.note(&change.path, was_there, change.attributes, &change.clock);
            }
        }
        self.net.retain(|_, net| net.was_there || net.now.is_some());
    }

    fn note(&mut self, path: &TreePath, was_there: bool, now: Option<Attributes>, clock: &Arc<str>) {
        let was_there = self.net.get(path).map_or(was_there, |net| net.was_there);
        self.net.insert(path.clone(), Net { was_there, now, clock: Arc::clone(clock) });
    }
}

impl Net {
    fn into_change(self, path: TreePath) -> TreeChange {
        let change_type = match (self.was_there, self.now) {
            (_, None) => ChangeType::Deleted,
            (false, _) => ChangeType::Created,
            (true, _) => ChangeType::Modified,
        };
        TreeChange {
            change_type,
            path,
            old_path: None,
            attributes: self.now,
            clock: self.clock,
            root_length: 0,
            old_root_length: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{CHANGES_MAX, Changes, Pending};
    use crate::mirror::changes::{Attributes, TreeChange};
    use crate::path::TreePath;
    use crate::stream::ChangeType;

    fn change(change_type: ChangeType, path: &str, old_path: Option<&str>) -> TreeChange {
        let attributes = Some(Attributes { mode: 0o100_644, size: 1, mtime_ns: 1 });
        TreeChange {
            change_type,
            path: TreePath::new(path),
            old_path: old_path.map(TreePath::new),
            attributes: attributes.filter(|_| change_type != ChangeType::Deleted),
            clock: "e-1".into(),
            root_length: 0,
            old_root_length: 0,
        }
    }

    /// The paths that a subscriber knows of, once he has read everything.
    fn read(queue: &mut Changes, known: &mut BTreeSet<String>) {
        while let Some(change) = queue.take() {
            known.remove(&change.old_path.as_ref().unwrap_or(&change.path).to_string());
            if change.change_type != ChangeType::Deleted {
                known.insert(change.path.to_string());
            }
        }
    }

    #[test]
    fn who_does_not_read_is_told_the_difference() {
        let (mut queue, mut known) = (Changes::default(), BTreeSet::from(["a".to_owned(), "b".to_owned(), "c".into()]));
        queue.give(vec![change(ChangeType::Deleted, "c", None)]);
        for _ in 0..CHANGES_MAX {
            queue.give(vec![change(ChangeType::Created, "new", None)]);
            queue.give(vec![change(ChangeType::Deleted, "new", None)]);
        }
        for index in 0..CHANGES_MAX {
            queue.give(vec![change(ChangeType::Created, &index.to_string(), None)]);
        }
        let swap = |a, b| change(ChangeType::Renamed, a, Some(b));
        queue.give(vec![swap("a", "b"), swap("b", "a")]);
        queue.give(vec![change(ChangeType::Renamed, "d", Some("b"))]);
        assert!(queue.net.len() + queue.count <= CHANGES_MAX + 8);
        read(&mut queue, &mut known);
        let expected = (0..CHANGES_MAX).map(|index| index.to_string()).chain(["a".to_owned(), "d".to_owned()]);
        assert_eq!(known, expected.collect());
    }
}
