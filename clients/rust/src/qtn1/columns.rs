//! The entries of a tree in columns: names as one run of bytes with their ends, a vector for each other field.

use super::entry::is_dir;

/// The entries of a snapshot in directory order, the top not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub(super) names: Vec<u8>,
    pub(super) name_ends: Vec<usize>,
    pub(super) ids: Vec<u32>,
    pub(super) parents: Vec<u32>,
    pub(super) modes: Vec<u16>,
    pub(super) sizes: Vec<u64>,
    pub(super) mtimes_ns: Vec<i64>,
}

/// One entry of a snapshot, made of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Stable within an epoch.
    pub id: u32,
    /// The index of its directory among the entries; None where that is the top.
    pub parent: Option<usize>,
    /// One path component, as bytes.
    pub name: &'a [u8],
    /// `st_mode`: type and permissions.
    pub mode: u16,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Entry<'_> {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        is_dir(self.mode)
    }
}

impl Entries {
    /// The parent of what is directly below the top, in [`Entries::parents`].
    pub const TOP: u32 = u32::MAX;

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The one at this place of the directory order.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        let parent = *self.parents.get(index)?;
        Some(Entry {
            id: self.ids[index],
            parent: (parent != Self::TOP).then_some(parent as usize),
            name: self.name(index),
            mode: self.modes[index],
            size: self.sizes[index],
            mtime_ns: self.mtimes_ns[index],
        })
    }

    /// All of them, in directory order: siblings together and sorted by the bytes of their names.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { entries: self, at: 0 }
    }

    /// The path below the top of the entry at this index, names joined by `/`.
    ///
    /// # Panics
    /// If there is no such entry.
    #[must_use]
    pub fn path(&self, index: usize) -> Vec<u8> {
        let mut names = vec![self.name(index)];
        let mut at = self.parents[index];
        while at != Self::TOP {
            names.push(self.name(at as usize));
            at = self.parents[at as usize];
        }
        names.reverse();
        names.join(&b'/')
    }

    /// The column of ids.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The column of parents: indices among the entries, or [`Entries::TOP`].
    #[must_use]
    pub fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// The column of modes.
    #[must_use]
    pub fn modes(&self) -> &[u16] {
        &self.modes
    }

    /// The column of sizes.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The column of times of modification, in nanoseconds since 1970.
    #[must_use]
    pub fn mtimes_ns(&self) -> &[i64] {
        &self.mtimes_ns
    }

    /// The column of names: all of them without anything between, and where each ends.
    #[must_use]
    pub fn names(&self) -> (&[u8], &[usize]) {
        (&self.names, &self.name_ends)
    }

    /// The name of the entry at this index.
    ///
    /// # Panics
    /// If there is no such entry.
    #[must_use]
    #[inline]
    pub fn name(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.name_ends[index - 1] };
        &self.names[start..self.name_ends[index]]
    }
}

/// What [`Entries::iter`] gives.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    entries: &'a Entries,
    at: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.entries.get(self.at)?;
        self.at += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.entries.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Entries {
    type Item = Entry<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
