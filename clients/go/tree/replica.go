package tree

import (
	"errors"

	"smarttree.example/smarttree/qtn1"
)

// Why a batch can't be applied, although it is sound: the tree has to be fetched anew.
var (
	ErrEpoch  = errors.New("the batch is of another epoch")
	ErrGap    = errors.New("the batch begins after the tree's clock")
	ErrDigest = errors.New("the batch leads to another digest than it says")
)

// Replica is a tree that is kept up with batches. It is for one goroutine; the trees it makes are for any number. The
// zero value has no tree.
type Replica struct {
	tree  *Tree
	index map[uint32]held
}

// held is where an entry of the current tree is.
type held struct {
	node   *node
	parent uint32
}

// Tree is the current tree; one of nothing before the first.
func (r *Replica) Tree() *Tree {
	if r.tree == nil {
		return &Tree{roots: &directory{}}
	}
	return r.tree
}

// Load takes these snapshots, a root each and all of one moment, in place of everything. The clock is what the server
// calls that moment, if it is known. After an error everything is as it was.
func (r *Replica) Load(clock string, snapshots ...*qtn1.Snapshot) error {
	fresh := Replica{tree: &Tree{clock: clock, roots: &directory{}}, index: map[uint32]held{}}
	if len(snapshots) > 0 {
		fresh.tree.epoch, fresh.tree.seq = snapshots[0].Epoch, snapshots[0].Seq
		fresh.index = make(map[uint32]held, 1+snapshots[0].Entries)
	}
	roots := fresh.tree.roots
	for i, s := range snapshots {
		if s.Epoch != fresh.tree.epoch || s.Seq != fresh.tree.seq {
			return &qtn1.Error{Code: "clock", Offset: i}
		}
		fresh.tree.count += 1 + s.Entries
		root := fresh.plant(s)
		if len(fresh.index) != fresh.tree.count {
			return &qtn1.Error{Code: "id-twice", Offset: i}
		}
		roots.children = append(roots.children, root)
		roots.digest = roots.digest.Add(root.hash(true))
	}
	sortByName(roots.children)
	for i := 1; i < len(roots.children); i++ {
		if roots.children[i].name == roots.children[i-1].name {
			return &qtn1.Error{Code: "name-twice", Offset: i}
		}
	}
	*r = fresh
	return nil
}

// plant makes nodes of a snapshot, and puts them into the index.
func (r *Replica) plant(s *qtn1.Snapshot) *node {
	nodes := make([]node, s.Entries)
	children := make([]*node, s.Entries)
	for i := range nodes {
		nodes[i] = node{
			name: s.Names[i], size: s.Sizes[i], mtime: s.Mtimes[i], id: s.IDs[i], mode: s.Modes[i],
		}
		children[i] = &nodes[i]
		r.index[s.IDs[i]] = held{&nodes[i], s.ParentID(i)}
	}
	for _, d := range s.Directories {
		end := d.First + d.Children
		nodes[d.Index].dir = &directory{children[d.First:end:end], d.Digest}
	}
	root := &node{
		name: s.Top.Path, mtime: s.Top.Mtime, id: s.Top.ID, mode: s.Top.Mode,
		dir: &directory{children[:s.Children:s.Children], s.Digest},
	}
	r.index[s.Top.ID] = held{root, 0}
	return root
}

// Apply takes the next batch, and calls the moment after it clock. It is false where the batch was known already.
// ErrEpoch, ErrGap and ErrDigest say that the tree has to be fetched anew, as does an *[qtn1.Error] whose offset is the
// index of a record. After an error everything is as it was.
func (r *Replica) Apply(clock string, b *qtn1.Batch) (applied bool, err error) {
	switch {
	case r.tree == nil:
		return false, ErrGap
	case b.Epoch != r.tree.epoch:
		return false, ErrEpoch
	case b.ToSeq <= r.tree.seq:
		return false, nil
	case b.FromSeq > r.tree.seq:
		return false, ErrGap
	}
	d, err := newDraft(r, b.Records)
	if err != nil {
		return false, err
	}
	if !b.Void && d.roots.digest.Lo != b.Digest {
		return false, ErrDigest
	}
	d.commit(Tree{clock: clock, epoch: b.Epoch, seq: b.ToSeq})
	return true, nil
}

// ApplyDelta takes one change, which has no clock: the caller knows that it fits. After an error everything is as it
// was.
func (r *Replica) ApplyDelta(delta *qtn1.Delta) error {
	if r.tree == nil {
		return ErrGap
	}
	d, err := newDraft(r, delta.Records)
	if err == nil {
		d.commit(Tree{clock: r.tree.clock, epoch: r.tree.epoch, seq: r.tree.seq})
	}
	return err
}

// Moved says that the server calls the moment by another clock now, at which nothing of this tree has changed.
func (r *Replica) Moved(clock string) {
	if r.tree != nil && r.tree.clock != clock {
		moved := *r.tree
		moved.clock = clock
		r.tree = &moved
	}
}
