package qtn1

import (
	"errors"
	"sort"
)

// Tree is what a receiver holds: entries by their ids.
type Tree struct {
	top   uint32
	nodes map[uint32]*node // 0 is the service, whose children are the roots
}

type node struct {
	Entry
	children map[string]uint32
}

// ErrNoTop says that the tree no longer has the entry that was the top of its snapshot.
var ErrNoTop = errors.New("qtn1: the top entry is gone")

// NewTree is the tree of a snapshot. Its top is held as a root is, directly below 0.
func NewTree(s *Snapshot) *Tree {
	t := &Tree{top: s.Top.ID, nodes: map[uint32]*node{0: {children: map[string]uint32{}}}}
	t.put(Entry{ID: s.Top.ID, Name: s.Top.Path, Mode: s.Top.Mode, Mtime: s.Top.Mtime})
	for _, entry := range s.Entries {
		t.put(entry)
	}
	return t
}

func (t *Tree) put(entry Entry) {
	t.nodes[entry.ID] = &node{entry, map[string]uint32{}}
	t.nodes[entry.Parent].children[entry.Name] = entry.ID
}

func (t *Tree) clone() *Tree {
	copied := &Tree{t.top, make(map[uint32]*node, len(t.nodes))}
	for id, of := range t.nodes {
		children := make(map[string]uint32, len(of.children))
		for name, child := range of.children {
			children[name] = child
		}
		copied.nodes[id] = &node{of.Entry, children}
	}
	return copied
}

// path is the absolute path of an entry.
func (t *Tree) path(id uint32) string {
	n := t.nodes[id]
	if n.Parent == 0 {
		return n.Name
	}
	parent := t.path(n.Parent)
	if parent == "/" {
		return "/" + n.Name
	}
	return parent + "/" + n.Name
}

// Snapshot is the tree below its top, at a clock.
func (t *Tree) Snapshot(epoch, seq uint64) (*Snapshot, error) {
	top := t.nodes[t.top]
	if top == nil {
		return nil, ErrNoTop
	}
	s := &Snapshot{Header: Header{Epoch: epoch, Seq: seq, Children: len(top.children)}}
	s.Top = Top{top.ID, t.path(top.ID), top.Mode, top.Mtime}
	var parents []int32
	s.Entries, parents = t.below(top)
	s.Header.Entries = len(s.Entries)
	s.Digest = digestOf(s.Entries, parents)
	return s, nil
}

// below is everything below a directory in directory order (section 2), and the indexes of the parents, -1 for itself.
func (t *Tree) below(top *node) (entries []Entry, parents []int32) {
	type listed struct {
		*node
		index int32
	}
	for pending := []listed{{top, -1}}; len(pending) > 0; {
		directory := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		names := make([]string, 0, len(directory.children))
		for name := range directory.children {
			names = append(names, name)
		}
		sort.Strings(names)
		first := len(entries)
		for _, name := range names {
			entries = append(entries, t.nodes[directory.children[name]].Entry)
			parents = append(parents, directory.index)
		}
		for i := len(entries) - 1; i >= first; i-- { // the first is to be taken first
			pending = append(pending, listed{t.nodes[entries[i].ID], int32(i)})
		}
	}
	return entries, parents
}
