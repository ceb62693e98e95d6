package qtn1

// pending is a directory whose children are still to come.
type pending struct {
	ordinal int // among the snapshot's directories; -1 is the top
	depth   int
}

// link rebuilds the tree from directory order, and finds where the children of each directory are. Otherwise it is the
// code of the defect.
func (s *Snapshot) link(counts directoryCounts) (code string) {
	if !addUp(s.Children, counts.children, s.Entries) {
		return codeChildCounts
	}
	s.Directories = make([]Directory, 0, len(counts.children))
	stack := []pending{{-1, 0}}
	for next := 0; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		children, index := s.Children, -1
		if at.ordinal >= 0 {
			directory := &s.Directories[at.ordinal]
			directory.First = next
			children, index = directory.Children, directory.Index
		}
		if children > s.Entries-next {
			return codeChildCounts
		}
		if children > 0 && at.depth >= MaxDepth {
			return codeTooDeep
		}
		mark := len(stack)
		for end, first := next+children, next; next < end; next++ {
			if next > first && s.Names[next] <= s.Names[next-1] {
				return codeOrder
			}
			s.Parents[next] = int32(index)
			if IsDirectory(s.Modes[next]) {
				ordinal := len(s.Directories)
				s.Directories = append(s.Directories, Directory{Index: next, Children: int(counts.children[ordinal])})
				stack = append(stack, pending{ordinal, at.depth + 1})
			}
		}
		reverse(stack[mark:])
	}
	if len(s.Directories) < len(counts.children) {
		return codeChildCounts
	}
	return s.checkBelow(counts)
}

// addUp says whether every entry is a child of one directory. It is looked at first: where a count is wrong, an entry
// that came to stand among others' children would seem out of order.
func addUp(top int, children []uint32, entries int) bool {
	sum := top
	for _, n := range children {
		sum += int(n)
	}
	return sum == entries
}

func reverse(stack []pending) {
	for i, j := 0, len(stack)-1; i < j; i, j = i+1, j-1 {
		stack[i], stack[j] = stack[j], stack[i]
	}
}

// checkBelow holds the counts below against what is there. A directory stands before what is below it, so going
// backwards meets it when that was counted.
func (s *Snapshot) checkBelow(counts directoryCounts) (code string) {
	ordinals := s.ordinals()
	below := make([]uint32, len(s.Directories)) // entries below it that are not its children
	for ordinal := len(s.Directories) - 1; ordinal >= 0; ordinal-- {
		if below[ordinal] != counts.below[ordinal] {
			return codeBelowCounts
		}
		if parent := s.Parents[s.Directories[ordinal].Index]; parent >= 0 {
			below[ordinals[parent]] += below[ordinal] + counts.children[ordinal]
		}
	}
	return ""
}

// ordinals is, for the entry of each directory, its place among the directories; of other entries it is 0.
func (s *Snapshot) ordinals() []int32 {
	ordinals := make([]int32, s.Entries)
	for ordinal := range s.Directories {
		ordinals[s.Directories[ordinal].Index] = int32(ordinal)
	}
	return ordinals
}

// sum sets the digest of each directory, and is that of the top. The last directory is the first whose children have
// all been weighed.
func (s *Snapshot) sum() Hash {
	weights := make([]Hash, len(s.Directories)) // of the directories' entries
	ordinals := s.ordinals()
	var data hashBuffer
	total := func(first, children int) (digest Hash) {
		for i := first; i < first+children; i++ {
			if IsDirectory(s.Modes[i]) {
				digest = digest.Add(weights[ordinals[i]])
			} else {
				digest = digest.Add(data.entry(s.Names[i], s.Modes[i], s.Sizes[i], s.Mtimes[i], Hash{}))
			}
		}
		return digest
	}
	for ordinal := len(s.Directories) - 1; ordinal >= 0; ordinal-- {
		directory := &s.Directories[ordinal]
		directory.Digest = total(directory.First, directory.Children)
		i := directory.Index
		weights[ordinal] = data.entry(s.Names[i], s.Modes[i], s.Sizes[i], s.Mtimes[i], directory.Digest)
	}
	return total(0, s.Children)
}
