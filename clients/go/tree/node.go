package tree

import (
	"sort"

	"smarttree.example/smarttree/qtn1"
)

// node is an entry, wherever it stands. Once it is part of a Tree it never changes.
type node struct {
	name  string // of a root, its path
	size  uint64
	mtime int64
	dir   *directory // nil, but for a directory
	id    uint32
	mode  uint16
}

// directory is what is in a directory. Once it is part of a Tree it never changes.
type directory struct {
	children []*node // by name
	digest   qtn1.Hash
}

func (n *node) entry(parent uint32) qtn1.Entry {
	return qtn1.Entry{ID: n.id, Parent: parent, Name: n.name, Mode: n.mode, Size: n.size, Mtime: n.mtime}
}

// hash is what the node adds to its directory's digest; that of the service, whose children are roots, has its own.
func (n *node) hash(isRoot bool) qtn1.Hash {
	var digest qtn1.Hash
	if n.dir != nil {
		digest = n.dir.digest
	}
	if isRoot {
		return qtn1.RootHash(n.name, digest)
	}
	return qtn1.EntryHash(n.name, n.mode, n.size, n.mtime, digest)
}

// place is where a name stands among nodes, or would.
func place(nodes []*node, name string) int {
	return sort.Search(len(nodes), func(i int) bool { return nodes[i].name >= name })
}

func (d *directory) child(name string) *node {
	if i := place(d.children, name); i < len(d.children) && d.children[i].name == name {
		return d.children[i]
	}
	return nil
}

func sortByName(nodes []*node) {
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].name < nodes[j].name })
}

// merge is old without what is gone and with what comes; not ok where two would have one name.
func merge(old, gone, come []*node) (merged []*node, ok bool) {
	sortByName(gone)
	sortByName(come)
	merged = make([]*node, 0, len(old)-len(gone)+len(come))
	for len(gone) > 0 || len(come) > 0 {
		if len(come) == 0 || len(gone) > 0 && gone[0].name <= come[0].name {
			i := place(old, gone[0].name)
			merged = append(merged, old[:i]...)
			old, gone = old[i+1:], gone[1:]
			continue
		}
		i := place(old, come[0].name)
		merged = append(merged, old[:i]...)
		old = old[i:]
		if len(old) > 0 && old[0].name == come[0].name {
			return nil, false
		}
		if len(merged) > 0 && merged[len(merged)-1].name == come[0].name {
			return nil, false
		}
		merged, come = append(merged, come[0]), come[1:]
	}
	return append(merged, old...), true
}
