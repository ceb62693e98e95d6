//! A batch applied to a tree, altogether or not at all (QTN1, section 4).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::ids::IdMap;
use super::tree::{Node, SERVICE, Tree};
use crate::qtn1::{Batch, DEPTH_MAX, Delta, QtnError, Record, Records, is_dir};

/// A batch does not lead on from the tree: the tree must be fetched anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfStep {
    /// It begins after the tree's clock.
    Gap,
    /// It is of another epoch.
    Epoch,
    /// The digest after it is another.
    Digest,
    /// What it says can't be.
    Damaged(QtnError),
}

impl fmt::Display for OutOfStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap => f.write_str("the batch begins after the tree's clock"),
            Self::Epoch => f.write_str("the batch is of another epoch"),
            Self::Digest => f.write_str("the digest after the batch is another"),
            Self::Damaged(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OutOfStep {}

impl From<QtnError> for OutOfStep {
    fn from(error: QtnError) -> Self {
        Self::Damaged(error)
    }
}

/// What was, of each entry that a batch has touched: None of what it has created.
pub(super) type Before = IdMap<Option<Node>>;

impl Tree {
    /// Applies a batch. False: it was known already, and nothing has changed.
    ///
    /// # Errors
    /// Why it can't be applied; the tree is as it was then.
    pub fn apply(&mut self, batch: &Batch) -> Result<bool, OutOfStep> {
        self.apply_telling(batch).map(|before| before.is_some())
    }

    /// Applies one change, which has no clock: the caller knows that it fits.
    ///
    /// # Errors
    /// Why it can't be applied; the tree is as it was then.
    pub fn apply_delta(&mut self, delta: &Delta) -> Result<(), QtnError> {
        self.draft(&delta.records, None).map(|_| ()).map_err(|error| match error {
            OutOfStep::Damaged(error) => error,
            _ => QtnError::new("digest", 0),
        })
    }

    /// And what was before; None if the batch was known already.
    pub(super) fn apply_telling(&mut self, batch: &Batch) -> Result<Option<Before>, OutOfStep> {
        if batch.epoch != self.epoch {
            return Err(OutOfStep::Epoch);
        }
        if batch.to_seq <= self.seq {
            return Ok(None);
        }
        if batch.from_seq > self.seq {
            return Err(OutOfStep::Gap);
        }
        let before = self.draft(&batch.records, batch.digest_low)?;
        self.seq = batch.to_seq;
        Ok(Some(before))
    }

    fn draft(&mut self, records: &Records, digest_low: Option<u64>) -> Result<Before, OutOfStep> {
        let digest = self.digest;
        let mut draft = Draft { tree: self, before: Before::default(), names: Vec::new(), orphaned: BTreeSet::new() };
        let mut result = draft.work(records).map_err(OutOfStep::from);
        if result.is_ok() && digest_low.is_some_and(|low| low != draft.tree.digest as u64) {
            result = Err(OutOfStep::Digest);
        }
        let Err(error) = result else { return Ok(draft.before) };
        draft.undo();
        self.digest = digest;
        Err(error)
    }
}

/// One set of records under way: the tree, and how to undo what was done to it.
struct Draft<'a> {
    tree: &'a mut Tree,
    before: Before,
    names: Vec<(u32, Arc<[u8]>, Option<u32>)>, // of a directory, and who had it
    orphaned: BTreeSet<u32>,                   // directories that lost a child
}

impl Draft<'_> {
    fn work(&mut self, records: &Records) -> Result<(), QtnError> {
        records.iter().for_each(|record| self.detach(&record));
        for (index, record) in records.iter().enumerate() {
            self.set(&record, index)?;
        }
        for (index, record) in records.iter().enumerate() {
            self.place(&record, index)?;
        }
        let told = records.iter().enumerate().filter(|(_, record)| !record.mask.is_deleted());
        let told: IdMap<usize> = told.map(|(index, record)| (record.id, index)).collect();
        self.remove(records, &told)?;
        self.weigh(&told)
    }

    fn undo(self) {
        for (parent, name, id) in self.names.into_iter().rev() {
            set_name(self.tree, parent, name, id);
        }
        for (id, node) in self.before {
            match node {
                Some(node) => self.tree.nodes.insert(id, node),
                None => self.tree.nodes.remove(&id),
            };
        }
    }

    /// The entry to be written to, what it was being kept.
    fn own(&mut self, id: u32) -> Option<&mut Node> {
        let node = self.tree.nodes.get_mut(&id)?;
        self.before.entry(id).or_insert_with(|| Some(node.clone()));
        Some(node)
    }

    fn name(&mut self, parent: u32, name: &Arc<[u8]>, id: Option<u32>) -> Option<u32> {
        let had = set_name(self.tree, parent, Arc::clone(name), id);
        self.names.push((parent, Arc::clone(name), had));
        had
    }

    fn add(&mut self, parent: u32, weight: u128) {
        if parent == SERVICE {
            self.tree.digest = self.tree.digest.wrapping_add(weight);
        } else if let Some(node) = self.own(parent) {
            node.digest = node.digest.wrapping_add(weight);
        }
    }

    fn detach(&mut self, record: &Record<'_>) {
        if !record.mask.is_deleted() && record.place.is_none() {
            return;
        }
        let Some(node) = self.own(record.id) else { return };
        let weight = std::mem::take(&mut node.weight);
        let (parent, name) = (node.parent, Arc::clone(&node.name));
        self.name(parent, &name, None);
        self.add(parent, 0_u128.wrapping_sub(weight));
        self.orphaned.insert(parent);
    }

    fn set(&mut self, record: &Record<'_>, index: usize) -> Result<(), QtnError> {
        if record.mask.is_deleted() {
            return Ok(());
        }
        if !self.tree.nodes.contains_key(&record.id) {
            self.create(record, index)?;
        }
        let Some(node) = self.own(record.id) else { return Ok(()) };
        if record.mode.is_some_and(|mode| is_dir(mode) != node.is_dir()) {
            return Err(QtnError::new("type-turned", index));
        }
        node.mode = record.mode.unwrap_or(node.mode);
        node.size = record.size.unwrap_or(node.size);
        node.mtime_ns = record.mtime_ns.unwrap_or(node.mtime_ns);
        if node.is_dir() && node.size > 0 { Err(QtnError::new("directory-size", index)) } else { Ok(()) }
    }

    fn create(&mut self, record: &Record<'_>, index: usize) -> Result<(), QtnError> {
        let (true, Some(mode)) = (record.mask.is_whole(), record.mode) else {
            return Err(QtnError::new("incomplete-record", index));
        };
        let (id, name) = (record.id, Arc::from(&b""[..]));
        let node = Node { id, parent: SERVICE, name, mode, size: 0, mtime_ns: 0, digest: 0, weight: 0 };
        self.before.entry(id).or_insert(None);
        self.tree.nodes.insert(id, node);
        Ok(())
    }

    fn place(&mut self, record: &Record<'_>, index: usize) -> Result<(), QtnError> {
        let Some((parent, name)) = record.place else { return Ok(()) };
        let name = Arc::from(name);
        let Some(node) = self.own(record.id) else { return Ok(()) };
        node.parent = parent;
        node.name = Arc::clone(&name);
        let below = if parent == SERVICE { record.id } else { parent };
        if !self.tree.node(below).is_some_and(Node::is_dir) {
            return Err(QtnError::new("parent", index));
        }
        match self.name(parent, &name, Some(record.id)) {
            Some(other) if other != record.id => Err(QtnError::new("name-twice", index)),
            _ => Ok(()),
        }
    }

    /// Nothing that is told of may be below what is deleted: received again, the batch would meet what it does not hold.
    fn remove(&mut self, records: &Records, told: &IdMap<usize>) -> Result<(), QtnError> {
        let deleted = records.iter().filter(|record| record.mask.is_deleted());
        let mut pending: Vec<u32> = deleted.map(|record| record.id).collect();
        while let Some(id) = pending.pop() {
            if let Some(&index) = told.get(&id) {
                return Err(QtnError::new("below-deleted", index));
            }
            let below: Vec<_> = self.tree.children_of(id).map(|node| (Arc::clone(&node.name), node.id)).collect();
            for (name, child) in below {
                self.name(id, &name, None);
                pending.push(child);
            }
            if self.own(id).is_some() {
                self.tree.nodes.remove(&id);
            }
        }
        Ok(())
    }

    /// Checks that everything told hangs from a root, and brings the digests above it up to date.
    fn weigh(&mut self, told: &IdMap<usize>) -> Result<(), QtnError> {
        let mut depths: IdMap<usize> = IdMap::default();
        for (&id, &index) in told {
            let depth = self.depth(id, index)?;
            self.note_chain(id, depth, &mut depths);
        }
        for id in std::mem::take(&mut self.orphaned) {
            let depth = self.chain_length(id);
            self.note_chain(id, depth, &mut depths);
        }
        let mut deepest_first: Vec<(usize, u32)> = depths.into_iter().map(|(id, depth)| (depth, id)).collect();
        deepest_first.sort_unstable_by(|a, b| b.cmp(a));
        for (_, id) in deepest_first {
            let Some(node) = self.own(id) else { continue };
            let (weight, parent) = (node.weigh(), node.parent);
            let more = weight.wrapping_sub(std::mem::replace(&mut node.weight, weight));
            self.add(parent, more);
        }
        Ok(())
    }

    /// How many entries are from this one up to its root.
    fn depth(&self, id: u32, index: usize) -> Result<usize, QtnError> {
        let (mut at, mut length) = (id, 0);
        while let Some(node) = self.tree.node(at) {
            (at, length) = (node.parent, length + 1);
            if at == id {
                return Err(QtnError::new("below-itself", index));
            }
            if length > DEPTH_MAX + 1 {
                let code = if self.is_cycle(id) { "below-itself" } else { "too-deep" };
                return Err(QtnError::new(code, index));
            }
        }
        Ok(length)
    }

    /// Whether the way up from here never ends, as more steps than there are entries show.
    fn is_cycle(&self, id: u32) -> bool {
        let mut at = id;
        (0..=self.tree.len()).all(|_| match self.tree.node(at) {
            Some(node) => {
                at = node.parent;
                true
            }
            None => false,
        })
    }

    /// What was there before hangs from a root, and may be deeper than what is told of.
    fn chain_length(&self, id: u32) -> usize {
        let mut at = id;
        std::iter::from_fn(|| self.tree.node(at).inspect(|node| at = node.parent)).count()
    }

    fn note_chain(&self, id: u32, depth: usize, depths: &mut IdMap<usize>) {
        let (mut at, mut depth) = (id, depth);
        while let Some(node) = self.tree.node(at) {
            if depths.insert(at, depth).is_some() {
                return; // and what is above it
            }
            (at, depth) = (node.parent, depth - 1);
        }
    }
}

/// Gives a name in a directory to an entry, or to nobody; answers who had it.
fn set_name(tree: &mut Tree, parent: u32, name: Arc<[u8]>, id: Option<u32>) -> Option<u32> {
    let siblings = tree.children.entry(parent).or_default();
    let had = match id {
        Some(id) => siblings.insert(name, id),
        None => siblings.remove(&name),
    };
    if siblings.is_empty() {
        tree.children.remove(&parent);
    }
    had
}
