//! The tree rebuilt by directory order: every entry's parent, and what the counts and the order must agree with.

use super::chunk::Directories;
use super::columns::Entries;
use super::entry::DEPTH_MAX;
use super::error::QtnError;

/// What is still to be placed below: a directory's index, its place among the directories, its children, their depth.
type Pending = (u32, usize, u32, usize);

/// The top's place among the directories, where it does not stand.
const TOP: usize = usize::MAX;

/// Fills the column of parents; answers with the place of each directory's directory among the directories. `falls` are
/// the entries not above the one before them, `at` is the offset to report.
pub(super) fn place(
    entries: &mut Entries,
    directories: &Directories,
    falls: &[u32],
    top_children: u32,
    at: usize,
) -> Result<Vec<usize>, QtnError> {
    let count = entries.len();
    let mut pending: Vec<Pending> = vec![(Entries::TOP, TOP, top_children, 1)];
    let (mut above, mut falls) = (Vec::with_capacity(directories.indices.len()), falls.iter().peekable());
    entries.parents = Vec::with_capacity(count);
    while let Some((parent, ordinal, children, depth)) = pending.pop() {
        let start = entries.parents.len();
        if children as usize > count - start {
            return Err(QtnError::new("child-counts", at));
        }
        let end = start + children as usize;
        if start < end && depth > DEPTH_MAX {
            return Err(QtnError::new("too-deep", at));
        }
        falls.next_if(|&&index| index as usize == start && start < end);
        if falls.peek().is_some_and(|&&index| (index as usize) < end) {
            return Err(QtnError::new("order", at));
        }
        entries.parents.resize(end, parent);
        let first = pending.len();
        while let Some(&index) = directories.indices.get(above.len()).filter(|&&index| (index as usize) < end) {
            pending.push((index, above.len(), directories.child_counts[above.len()], depth + 1));
            above.push(ordinal);
        }
        pending[first..].reverse();
    }
    if entries.parents.len() == count { Ok(above) } else { Err(QtnError::new("child-counts", at)) }
}

/// No id stands twice, the top's included.
pub(super) fn check_ids(runs: &mut Vec<(u32, u32)>, top: u32, at: usize) -> Result<(), QtnError> {
    runs.push((top, 1));
    runs.sort_unstable();
    let overlap = runs.windows(2).any(|pair| pair[0].0 + pair[0].1 > pair[1].0);
    if overlap { Err(QtnError::new("id-twice", at)) } else { Ok(()) }
}

/// The counts below are what is there: entries that are below a directory and not its children.
pub(super) fn check_below(directories: &Directories, above: &[usize], at: usize) -> Result<(), QtnError> {
    let mut below = vec![0_u32; above.len()];
    for (ordinal, &parent) in above.iter().enumerate().rev() {
        if below[ordinal] != directories.below_counts[ordinal] {
            return Err(QtnError::new("below-counts", at));
        }
        if parent != TOP {
            below[parent] += below[ordinal] + directories.child_counts[ordinal];
        }
    }
    Ok(())
}
