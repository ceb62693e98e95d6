//! What has changed between two trees, path by path: after a batch, or where one tree replaces another.

use std::sync::Arc;

use super::apply::Before;
use super::tree::{Node, SERVICE, Tree, path_of};
use crate::glob::Glob;
use crate::path::TreePath;
use crate::stream::ChangeType;

/// What an entry is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `st_mode`: type and permissions.
    pub mode: u16,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// One change of the mirror's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeChange {
    /// What has happened.
    pub change_type: ChangeType,
    /// The absolute path of the entry, of a deleted one that it had.
    pub path: TreePath,
    /// Where it was before it was renamed.
    pub old_path: Option<TreePath>,
    /// What it is like now; None of a deleted one.
    pub attributes: Option<Attributes>,
    /// The clock of the tree that has the change; of changes put together, the last one's.
    pub clock: Arc<str>,
    pub(super) root_length: usize,     // where the path below the root begins
    pub(super) old_root_length: usize, // and in the old path
}

impl TreeChange {
    pub(super) fn matches(&self, globs: &[Glob]) -> bool {
        let below = |path: &TreePath, start: usize| {
            let below = path.as_bytes().get(start..).unwrap_or_default();
            globs.iter().any(|glob| glob.matches(below))
        };
        below(&self.path, self.root_length)
            || self.old_path.as_ref().is_some_and(|path| below(path, self.old_root_length))
    }

    fn of(change_type: ChangeType, (path, root_length): (TreePath, usize), node: &Node, clock: &Arc<str>) -> Self {
        let told = Attributes { mode: node.mode, size: node.size, mtime_ns: node.mtime_ns };
        let attributes = (change_type != ChangeType::Deleted).then_some(told);
        let clock = Arc::clone(clock);
        Self { change_type, path, old_path: None, attributes, clock, root_length, old_root_length: 0 }
    }
}

/// What a batch has done to what is now this tree.
pub(super) fn changes_of(before: &Before, tree: &Tree, clock: &Arc<str>) -> Vec<TreeChange> {
    let old = |id: u32| before.get(&id).map_or_else(|| tree.node(id), Option::as_ref);
    let mut touched: Vec<u32> = before.keys().copied().collect();
    for (&id, was) in before {
        let (Some(was), Some(is)) = (was, tree.node(id)) else { continue };
        if is.is_dir() && (was.parent != is.parent || was.name != is.name) {
            touched.extend(tree.below(is).map(|node| node.id));
        }
    }
    touched.sort_unstable();
    touched.dedup();
    let mut changes = Vec::new();
    for id in touched {
        match (old(id), tree.node(id)) {
            (Some(was), None) => {
                changes.push(TreeChange::of(ChangeType::Deleted, path_of(was, old), was, clock));
            }
            (None, Some(is)) => {
                changes.push(TreeChange::of(ChangeType::Created, path_of(is, |id| tree.node(id)), is, clock));
            }
            (Some(was), Some(is)) => {
                tell_kept((was, path_of(was, old)), (is, path_of(is, |id| tree.node(id))), clock, &mut changes);
            }
            (None, None) => {}
        }
    }
    in_order(changes)
}

/// What has become of an entry that is still there.
fn tell_kept(
    (was, (old_path, old_root_length)): (&Node, (TreePath, usize)),
    (is, place): (&Node, (TreePath, usize)),
    clock: &Arc<str>,
    changes: &mut Vec<TreeChange>,
) {
    if old_path != place.0 {
        let renamed = TreeChange::of(ChangeType::Renamed, place.clone(), is, clock);
        changes.push(TreeChange { old_path: Some(old_path), old_root_length, ..renamed });
    }
    if differ(was, is) {
        changes.push(TreeChange::of(ChangeType::Modified, place, is, clock));
    }
}

fn differ(was: &Node, is: &Node) -> bool {
    was.mode != is.mode || !is.is_dir() && (was.size != is.size || was.mtime_ns != is.mtime_ns)
}

/// What differs between two trees whose ids may be of different epochs: names are compared, and nothing is renamed.
pub(super) fn difference(was: &Tree, is: &Tree, clock: &Arc<str>) -> Vec<TreeChange> {
    let mut difference = Difference { was, is, clock, pending: vec![(SERVICE, SERVICE)], changes: Vec::new() };
    while let Some((old_id, new_id)) = difference.pending.pop() {
        let (old, new) = (was.children.get(&old_id), is.children.get(&new_id));
        for (name, &id) in old.into_iter().flatten() {
            let kept = new.and_then(|names| names.get(name));
            difference.compare_old(was.node(id), kept.and_then(|id| is.node(*id)));
        }
        for (name, &id) in new.into_iter().flatten() {
            let before = old.and_then(|names| names.get(name));
            difference.compare_new(is.node(id), before.and_then(|id| was.node(*id)));
        }
    }
    in_order(difference.changes)
}

/// Two trees, walked side by side.
struct Difference<'a> {
    was: &'a Tree,
    is: &'a Tree,
    clock: &'a Arc<str>,
    pending: Vec<(u32, u32)>, // directories at the same path
    changes: Vec<TreeChange>,
}

impl Difference<'_> {
    /// What was there, and what is at its path now.
    fn compare_old(&mut self, was: Option<&Node>, kept: Option<&Node>) {
        match (was, kept) {
            (Some(was), Some(kept)) if kept.is_dir() == was.is_dir() => {
                if differ(was, kept) {
                    let place = path_of(kept, |id| self.is.node(id));
                    self.changes.push(TreeChange::of(ChangeType::Modified, place, kept, self.clock));
                }
                if was.digest != kept.digest {
                    self.pending.push((was.id, kept.id));
                }
            }
            (Some(was), _) => self.tell_all(ChangeType::Deleted, self.was, was),
            _ => {}
        }
    }

    /// What is there, and what was at its path.
    fn compare_new(&mut self, is: Option<&Node>, before: Option<&Node>) {
        if let Some(is) = is.filter(|is| before.is_none_or(|before| before.is_dir() != is.is_dir())) {
            self.tell_all(ChangeType::Created, self.is, is);
        }
    }

    /// An entry, and everything below it.
    fn tell_all(&mut self, change_type: ChangeType, tree: &Tree, node: &Node) {
        let all = std::iter::once(node).chain(tree.below(node));
        let told = all.map(|node| TreeChange::of(change_type, path_of(node, |id| tree.node(id)), node, self.clock));
        self.changes.extend(told);
    }
}

/// Deletions, the deepest first; then renames, creations and modifications, each after what is above it.
fn in_order(mut changes: Vec<TreeChange>) -> Vec<TreeChange> {
    let rank = |change: &TreeChange| match change.change_type {
        ChangeType::Deleted => 0,
        ChangeType::Renamed => 1,
        ChangeType::Created => 2,
        ChangeType::Modified => 3,
    };
    changes.sort_unstable_by(|a, b| {
        let by_path = a.path.cmp(&b.path);
        let by_path = if a.change_type == ChangeType::Deleted { by_path.reverse() } else { by_path };
        rank(a).cmp(&rank(b)).then(by_path)
    });
    changes
}
