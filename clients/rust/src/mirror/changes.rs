//! What has changed between two trees, path by path: after a batch, or where one tree replaces another.

use super::apply::Before;
use super::ids::IdMap;
use super::tree::{Children, Node, SERVICE, Tree, path_of};
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

    fn of(change_type: ChangeType, (path, root_length): (TreePath, usize), node: &Node) -> Self {
        let told = Attributes { mode: node.mode, size: node.size, mtime_ns: node.mtime_ns };
        let attributes = (change_type != ChangeType::Deleted).then_some(told);
        Self { change_type, path, old_path: None, attributes, root_length, old_root_length: 0 }
    }
}

/// What a batch has done to what is now this tree.
pub(super) fn changes_of(before: &Before, tree: &Tree) -> Vec<TreeChange> {
    let old = |id: u32| before.get(&id).map_or_else(|| tree.node(id), Option::as_ref);
    let mut touched: IdMap<()> = before.keys().map(|&id| (id, ())).collect();
    for (&id, was) in before {
        let (Some(was), Some(is)) = (was, tree.node(id)) else { continue };
        if is.is_dir() && (was.parent != is.parent || was.name != is.name) {
            touched.extend(tree.below(is).map(|node| (node.id, ())));
        }
    }
    let mut changes = Vec::new();
    for &id in touched.keys() {
        match (old(id), tree.node(id)) {
            (Some(was), None) => {
                changes.push(TreeChange::of(ChangeType::Deleted, path_of(was, old), was));
            }
            (None, Some(is)) => {
                changes.push(TreeChange::of(ChangeType::Created, path_of(is, |id| tree.node(id)), is));
            }
            (Some(was), Some(is)) => {
                tell_kept((was, path_of(was, old)), (is, path_of(is, |id| tree.node(id))), &mut changes);
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
    changes: &mut Vec<TreeChange>,
) {
    if old_path != place.0 {
        let renamed = TreeChange::of(ChangeType::Renamed, place.clone(), is);
        changes.push(TreeChange { old_path: Some(old_path), old_root_length, ..renamed });
    }
    if differ(was, is) {
        changes.push(TreeChange::of(ChangeType::Modified, place, is));
    }
}

fn differ(was: &Node, is: &Node) -> bool {
    was.mode != is.mode || !is.is_dir() && (was.size != is.size || was.mtime_ns != is.mtime_ns)
}

/// What differs between two trees whose ids may be of different epochs: names are compared, and nothing is renamed.
pub(super) fn difference(was: &Tree, is: &Tree) -> Vec<TreeChange> {
    let mut changes = Vec::new();
    let mut pending = vec![(SERVICE, SERVICE)];
    while let Some((old_id, new_id)) = pending.pop() {
        let (old, new) = (was.children.get(&old_id), is.children.get(&new_id));
        for (name, &id) in old.into_iter().flatten() {
            let kept = new.and_then(|names| names.get(name)).and_then(|id| is.node(*id));
            let Some(node) = was.node(id) else { continue };
            match kept {
                Some(kept) if kept.is_dir() == node.is_dir() => {
                    if differ(node, kept) {
                        changes.push(TreeChange::of(ChangeType::Modified, path_of(kept, |id| is.node(id)), kept));
                    }
                    if node.digest != kept.digest {
                        pending.push((id, kept.id));
                    }
                }
                _ => tell_all(ChangeType::Deleted, was, node, &mut changes),
            }
        }
        tell_new(was, is, (old, new), &mut changes);
    }
    in_order(changes)
}

type Names<'a> = Option<&'a Children>;

fn tell_new(was: &Tree, is: &Tree, (old, new): (Names<'_>, Names<'_>), changes: &mut Vec<TreeChange>) {
    for (name, &id) in new.into_iter().flatten() {
        let before = old.and_then(|names| names.get(name)).and_then(|id| was.node(*id));
        let Some(node) = is.node(id) else { continue };
        if before.is_none_or(|before| before.is_dir() != node.is_dir()) {
            tell_all(ChangeType::Created, is, node, changes);
        }
    }
}

/// An entry, and everything below it.
fn tell_all(change_type: ChangeType, tree: &Tree, node: &Node, changes: &mut Vec<TreeChange>) {
    let all = std::iter::once(node).chain(tree.below(node));
    changes.extend(all.map(|node| TreeChange::of(change_type, path_of(node, |id| tree.node(id)), node)));
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
