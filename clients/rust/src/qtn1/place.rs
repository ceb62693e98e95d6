//! The tree rebuilt by directory order: every entry's parent, and what the counts and the order must agree with.

use super::chunk::Directories;
use super::columns::Entries;
use super::entry::DEPTH_MAX;
use super::error::QtnError;

/// What is still to be placed: a directory's index, how many children it has, and their depth.
type Pending = (u32, u32, usize);

/// Fills the column of parents. `at` is the offset to report.
pub(super) fn place(
    entries: &mut Entries,
    directories: &Directories,
    top_children: u32,
    at: usize,
) -> Result<(), QtnError> {
    let count = entries.len();
    let mut pending: Vec<Pending> = vec![(Entries::TOP, top_children, 1)];
    let mut ordinal = 0; // of the next directory met
    entries.parents = Vec::with_capacity(count);
    while let Some((parent, children, depth)) = pending.pop() {
        let start = entries.parents.len();
        if children as usize > count - start {
            return Err(QtnError::new("child-counts", at));
        }
        let end = start + children as usize;
        if start < end && depth > DEPTH_MAX {
            return Err(QtnError::new("too-deep", at));
        }
        if (start + 1..end).any(|index| entries.name(index - 1) >= entries.name(index)) {
            return Err(QtnError::new("order", at));
        }
        entries.parents.resize(end, parent);
        let first = pending.len();
        while let Some(&index) = directories.indices.get(ordinal).filter(|&&index| (index as usize) < end) {
            pending.push((index, directories.child_counts[ordinal], depth + 1));
            ordinal += 1;
        }
        pending[first..].reverse();
    }
    if entries.parents.len() == count { Ok(()) } else { Err(QtnError::new("child-counts", at)) }
}

/// No id stands twice, the top's included.
pub(super) fn check_ids(runs: &mut Vec<(u32, u32)>, top: u32, at: usize) -> Result<(), QtnError> {
    runs.push((top, 1));
    runs.sort_unstable();
    let overlap = runs.windows(2).any(|pair| pair[0].0 + pair[0].1 > pair[1].0);
    if overlap { Err(QtnError::new("id-twice", at)) } else { Ok(()) }
}

/// The counts below are what is there: entries that are below a directory and not its children.
pub(super) fn check_below(entries: &Entries, directories: &Directories, at: usize) -> Result<(), QtnError> {
    let mut below = vec![0_u32; entries.len()];
    for index in (0..entries.len()).rev() {
        let parent = entries.parents[index];
        if parent != Entries::TOP {
            below[parent as usize] += below[index] + 1;
        }
    }
    let told = directories.child_counts.iter().zip(&directories.below_counts);
    let wrong = directories
        .indices
        .iter()
        .zip(told)
        .any(|(&index, (&children, &deeper))| below[index as usize].checked_sub(children) != Some(deeper));
    if wrong { Err(QtnError::new("below-counts", at)) } else { Ok(()) }
}
