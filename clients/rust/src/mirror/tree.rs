//! A service's tree of one clock: any number of roots, one space of ids, the digests of all directories.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::IdMap;
use crate::path::TreePath;
use crate::qtn1::{QtnError, Snapshot, is_dir, weigh, weigh_root};

/// The parent of every root: the service itself.
pub(super) const SERVICE: u32 = 0;

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(super) id: u32,
    pub(super) parent: u32,
    pub(super) name: Arc<[u8]>,
    pub(super) mode: u16,
    pub(super) size: u64,
    pub(super) mtime_ns: i64,
    pub(super) digest: u128,
    pub(super) weight: u128,
}

impl Node {
    /// Stable within an epoch: a rename keeps it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The id of its directory; a root's is 0.
    #[must_use]
    pub const fn parent(&self) -> u32 {
        self.parent
    }

    /// One path component; a root's is its absolute path.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// `st_mode`: type and permissions.
    #[must_use]
    pub const fn mode(&self) -> u16 {
        self.mode
    }

    /// Bytes; 0 for a directory.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn mtime_ns(&self) -> i64 {
        self.mtime_ns
    }

    /// The digest of what is below it.
    #[must_use]
    pub const fn digest(&self) -> u128 {
        self.digest
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        is_dir(self.mode)
    }

    /// What it adds to the digest of its directory, or a root to the service's.
    pub(super) fn weigh(&self) -> u128 {
        if self.parent == SERVICE {
            weigh_root(self.digest, &self.name)
        } else {
            weigh(self.mode, self.size, self.mtime_ns, self.digest, &self.name)
        }
    }
}

/// The children of each directory that has some, by name.
pub(super) type Children = BTreeMap<Arc<[u8]>, u32>;

/// A whole tree, as of one clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) digest: u128,
    pub(super) nodes: IdMap<Node>,
    pub(super) children: IdMap<Children>,
}

impl Tree {
    /// The tree that these snapshots are the roots of.
    ///
    /// # Errors
    /// `clocks-differ`, or `id-twice` where an id or a path is in two of them; the offset is the snapshot's index.
    pub fn new(snapshots: &[Snapshot]) -> Result<Self, QtnError> {
        let mut tree = Self::default();
        for (index, snapshot) in snapshots.iter().enumerate() {
            if index > 0 && (snapshot.epoch, snapshot.seq) != (tree.epoch, tree.seq) {
                return Err(QtnError::new("clocks-differ", index));
            }
            (tree.epoch, tree.seq) = (snapshot.epoch, snapshot.seq);
            let fits = tree.add(snapshot);
            fits.ok_or(QtnError::new("id-twice", index))?;
        }
        Ok(tree)
    }

    fn add(&mut self, snapshot: &Snapshot) -> Option<()> {
        let entries = snapshot.entries();
        self.nodes.reserve(entries.len() + 1);
        let (mode, mtime_ns, digest) = (snapshot.mode, snapshot.mtime_ns, snapshot.digest);
        let name = Arc::from(snapshot.path.as_slice());
        let mut root = Node { id: snapshot.id, parent: SERVICE, name, mode, size: 0, mtime_ns, digest, weight: 0 };
        root.weight = root.weigh();
        self.digest = self.digest.wrapping_add(root.weight);
        self.put(root)?;
        for (entry, &digest) in entries.iter().zip(snapshot.digests()) {
            let parent = entry.parent.map_or(snapshot.id, |index| entries.ids()[index]);
            let (id, mode, size, mtime_ns, name) =
                (entry.id, entry.mode, entry.size, entry.mtime_ns, Arc::from(entry.name));
            let weight = weigh(mode, size, mtime_ns, digest, entry.name);
            self.put(Node { id, parent, name, mode, size, mtime_ns, digest, weight })?;
        }
        Some(())
    }

    /// None if its id or its place is taken.
    fn put(&mut self, node: Node) -> Option<()> {
        let place = self.children.entry(node.parent).or_default().insert(Arc::clone(&node.name), node.id);
        let id = self.nodes.insert(node.id, node);
        (place.is_none() && id.is_none()).then_some(())
    }

    /// Its clock, as the server writes it: what a stream may begin after.
    #[must_use]
    pub fn clock(&self) -> String {
        format!("{:016x}-{}", self.epoch, self.seq)
    }

    /// Which run of clocks it is of: those of another one can't be compared with it.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its place in that run.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Of all roots together.
    #[must_use]
    pub const fn digest(&self) -> u128 {
        self.digest
    }

    /// How many entries there are, the roots among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing, not even a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The roots, by their paths.
    pub fn roots(&self) -> impl Iterator<Item = &Node> {
        self.children_of(SERVICE)
    }

    /// The entry of this id.
    #[must_use]
    pub fn node(&self, id: u32) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The entry at this absolute path.
    #[must_use]
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Node> {
        let path = path.as_ref();
        self.roots().find_map(|root| {
            let below = path.strip_prefix(&*root.name)?;
            let below = match below.strip_prefix(b"/") {
                Some(below) => below,
                None if below.is_empty() || &*root.name == b"/" => below,
                None => return None,
            };
            let mut names = below.split(|&byte| byte == b'/').filter(|_| !below.is_empty());
            names.try_fold(root, |node, name| self.node(*self.children.get(&node.id)?.get(name)?))
        })
    }

    /// What is directly below a directory, by name; nothing below anything else.
    pub fn children(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.children_of(node.id)
    }

    pub(super) fn children_of(&self, id: u32) -> impl Iterator<Item = &Node> {
        self.children.get(&id).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.node(*id))
    }

    /// Everything below a directory, in directory order: siblings together, by name.
    pub fn below(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.walk(node.id)
    }

    /// Everything, the roots first.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.walk(SERVICE)
    }

    fn walk(&self, top: u32) -> impl Iterator<Item = &Node> {
        let mut pending = vec![top];
        std::iter::from_fn(move || {
            let siblings: Vec<&Node> = self.children_of(pending.pop()?).collect();
            pending.extend(siblings.iter().rev().filter(|node| node.is_dir()).map(|node| node.id));
            Some(siblings)
        })
        .flatten()
    }

    /// The absolute path of an entry of this tree.
    #[must_use]
    pub fn path(&self, node: &Node) -> TreePath {
        path_of(node, |id| self.node(id)).0
    }
}

/// The absolute path of an entry, and where what is below its root begins. `parent` finds entries by id.
pub(super) fn path_of<'a>(node: &'a Node, parent: impl Fn(u32) -> Option<&'a Node>) -> (TreePath, usize) {
    let mut names = vec![&*node.name];
    let mut at = node;
    while let Some(above) = parent(at.parent) {
        names.push(&above.name);
        at = above;
    }
    names.reverse();
    let root = if names[0] == b"/" && names.len() > 1 { b"" } else { names[0] };
    names[0] = root;
    (TreePath::new(names.join(&b'/')), root.len() + 1)
}
