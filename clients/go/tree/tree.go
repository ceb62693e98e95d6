package tree

import (
	"iter"
	"strings"

	"smarttree.example/smarttree/qtn1"
)

// Tree is the whole tree of one clock: roots, and what is below them. It never changes.
type Tree struct {
	clock string
	epoch uint64
	seq   uint64
	count int
	roots *directory // of the service, which has no entry itself
}

// Clock is what the server calls the moment that this tree is of; it is opaque.
func (t *Tree) Clock() string { return t.clock }

// Epoch is the id space that the entries' ids belong to.
func (t *Tree) Epoch() uint64 { return t.epoch }

// Seq is the number, within the epoch, of the last document that made this tree.
func (t *Tree) Seq() uint64 { return t.seq }

// Len is how many entries there are, the roots among them.
func (t *Tree) Len() int { return t.count }

// Digest is that of all roots together.
func (t *Tree) Digest() qtn1.Hash { return t.roots.digest }

// Lookup is the entry at an absolute path. The name of a root's entry is its path.
func (t *Tree) Lookup(path string) (entry qtn1.Entry, found bool) {
	n, parent := t.find(path)
	if n == nil {
		return entry, false
	}
	return n.entry(parent), true
}

// DigestOf is the digest of a directory, by its absolute path.
func (t *Tree) DigestOf(path string) (digest qtn1.Hash, found bool) {
	n, _ := t.find(path)
	if n == nil || n.dir == nil {
		return digest, false
	}
	return n.dir.digest, true
}

func (t *Tree) find(path string) (n *node, parent uint32) {
	for _, root := range t.roots.children {
		if path == root.name {
			return root, 0
		}
		rest, below := strings.CutPrefix(path, strings.TrimSuffix(root.name, "/")+"/")
		if !below {
			continue
		}
		for n, more := root, true; more; {
			var name string
			name, rest, more = strings.Cut(rest, "/")
			parent = n.id
			if n.dir == nil {
				return nil, 0
			}
			if n = n.dir.child(name); n == nil {
				return nil, 0
			}
			if !more {
				return n, parent
			}
		}
	}
	return nil, 0
}

// Roots gives the roots, by their paths.
func (t *Tree) Roots() iter.Seq[qtn1.Entry] {
	return t.roots.entries(0)
}

// Children gives what is in a directory, by name; nothing where the path is of none.
func (t *Tree) Children(path string) iter.Seq[qtn1.Entry] {
	n, _ := t.find(path)
	if n == nil || n.dir == nil {
		return func(func(qtn1.Entry) bool) {}
	}
	return n.dir.entries(n.id)
}

func (d *directory) entries(parent uint32) iter.Seq[qtn1.Entry] {
	return func(yield func(qtn1.Entry) bool) {
		for _, child := range d.children {
			if !yield(child.entry(parent)) {
				return
			}
		}
	}
}

// All gives every entry with its absolute path: each directory before what is in it, siblings by name.
func (t *Tree) All() iter.Seq2[string, qtn1.Entry] {
	return func(yield func(string, qtn1.Entry) bool) {
		for _, root := range t.roots.children {
			if !root.walk(root.name, 0, yield) {
				return
			}
		}
	}
}

// Below gives the entry at a path and everything below it, as All does.
func (t *Tree) Below(path string) iter.Seq2[string, qtn1.Entry] {
	return func(yield func(string, qtn1.Entry) bool) {
		if n, parent := t.find(path); n != nil {
			n.walk(path, parent, yield)
		}
	}
}

func (n *node) walk(path string, parent uint32, yield func(string, qtn1.Entry) bool) bool {
	if !yield(path, n.entry(parent)) {
		return false
	}
	if n.dir == nil {
		return true
	}
	for _, child := range n.dir.children {
		if !child.walk(Join(path, child.name), n.id, yield) {
			return false
		}
	}
	return true
}

// Join is the path of what has a name in the directory at path.
func Join(path, name string) string {
	if path == "/" {
		return "/" + name
	}
	return path + "/" + name
}
