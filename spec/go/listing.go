package qtn1

// listing is a run of entries in directory order, and for each directory among them, in order, its two counts. It is
// all of a snapshot, what a chunk holds, or everything below one directory.
type listing struct {
	entries  []Entry
	children []uint32
	below    []uint32
}

func (l *listing) append(part listing) {
	l.entries = append(l.entries, part.entries...)
	l.children = append(l.children, part.children...)
	l.below = append(l.below, part.below...)
}

// cut is the entries from, up to to, of the listing.
func (l *listing) cut(from, to int) listing {
	first := countDirectories(l.entries[:from])
	last := first + countDirectories(l.entries[from:to])
	return listing{l.entries[from:to], l.children[first:last], l.below[first:last]}
}

func countDirectories(entries []Entry) (n int) {
	for i := range entries {
		if entries[i].IsDirectory() {
			n++
		}
	}
	return n
}

// directory is one whose children are still to come.
type directory struct {
	index    int // in the listing; -1 is the one that the listing is below of
	children int
	depth    int
}

// link rebuilds the tree from directory order: it sets each entry's parent, and returns the parents' indexes. The
// listing is everything below the directory id, which has so many children and is so deep. Otherwise, the code of the
// defect.
func (l *listing) link(id uint32, children, depth int) (parents []int32, code string) {
	if !l.addUp(children) {
		return nil, codeChildCounts
	}
	parents = make([]int32, len(l.entries))
	pending := []directory{{-1, children, depth}}
	next, ordinal := 0, 0
	for len(pending) > 0 {
		parent := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if parent.children > len(l.entries)-next {
			return nil, codeChildCounts
		}
		if parent.children > 0 && parent.depth >= maxDepth {
			return nil, codeTooDeep
		}
		parentID := id
		if parent.index >= 0 {
			parentID = l.entries[parent.index].ID
		}
		mark := len(pending)
		for first, end := next, next+parent.children; next < end; next++ {
			entry := &l.entries[next]
			if next > first && entry.Name <= l.entries[next-1].Name {
				return nil, codeOrder
			}
			entry.Parent, parents[next] = parentID, int32(parent.index)
			if entry.IsDirectory() {
				pending = append(pending, directory{next, int(l.children[ordinal]), parent.depth + 1})
				ordinal++
			}
		}
		reverse(pending[mark:])
	}
	if next < len(l.entries) {
		return nil, codeChildCounts
	}
	return parents, l.checkBelow(parents)
}

// addUp says whether every entry is a child of one directory. It is looked at first: where a count is wrong, an entry
// that came to stand among others' children would seem out of order.
func (l *listing) addUp(children int) bool {
	sum := uint64(children)
	for _, n := range l.children {
		sum += uint64(n)
	}
	return sum == uint64(len(l.entries))
}

func reverse(directories []directory) {
	for i, j := 0, len(directories)-1; i < j; i, j = i+1, j-1 {
		directories[i], directories[j] = directories[j], directories[i]
	}
}

// checkBelow holds the counts below against what is there. A parent stands before its children, so going backwards
// meets an entry when everything below it was counted.
func (l *listing) checkBelow(parents []int32) (code string) {
	all := make([]uint32, len(l.entries))
	ordinal := len(l.below)
	for i := len(l.entries) - 1; i >= 0; i-- {
		if l.entries[i].IsDirectory() {
			ordinal--
			if uint64(all[i]) != uint64(l.children[ordinal])+uint64(l.below[ordinal]) {
				return codeBelowCounts
			}
		}
		if parents[i] >= 0 {
			all[parents[i]] += 1 + all[i]
		}
	}
	return ""
}
