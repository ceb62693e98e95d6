package smarttree

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

// Mirror is the live tree of a server. It is at every moment the whole tree of one clock; while it is being fetched
// anew it is the last good one. Any number of goroutines may read it.
type Mirror struct {
	running
	keeper  keeper
	current atomic.Pointer[tree.Tree]
	ready   chan struct{}

	mutex         sync.Mutex
	ended         bool
	subscriptions map[*Subscription]struct{}
}

// Why the tree was replaced as a whole.
const (
	Initial = "initial" // it is the first
	Server  = "server"  // the server could not lead on from where the mirror was
	Gap     = "gap"     // a batch was missing
	Epoch   = "epoch"   // a batch was of another epoch
	Digest  = "digest"  // the tree was not the server's
	Damaged = "damaged" // a document was refused
)

// Mirror begins a mirror of what a query's Path, Include, Exclude and Types ask for; the rest of the query is the
// mirror's own. It goes on until ctx ends, it is closed, or it ends for good.
func (c *Client) Mirror(ctx context.Context, query Query) *Mirror {
	m := &Mirror{ready: make(chan struct{}), subscriptions: map[*Subscription]struct{}{}}
	m.keeper = keeper{client: c, part: query, publish: m.publish}
	m.current.Store(m.keeper.replica.Tree())
	m.begin(ctx, func(ctx context.Context) error {
		defer m.endSubscriptions()
		return m.keeper.run(ctx)
	})
	return m
}

// Ready waits for the first tree. Its error says why there will be none.
func (m *Mirror) Ready(ctx context.Context) error {
	select {
	case <-m.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.done:
		if m.err != nil {
			return m.err
		}
		return errClosed
	}
}

// Tree is the tree now. It never changes, so what is read of it fits together; before the first it is empty.
func (m *Mirror) Tree() *tree.Tree { return m.current.Load() }

// Lookup is the entry at an absolute path, now.
func (m *Mirror) Lookup(path string) (qtn1.Entry, bool) { return m.Tree().Lookup(path) }

// Children gives what is in a directory, by name, as it is now.
func (m *Mirror) Children(path string) iter.Seq[qtn1.Entry] { return m.Tree().Children(path) }

// All gives every entry with its absolute path, as it is now: each directory before what is in it.
func (m *Mirror) All() iter.Seq2[string, qtn1.Entry] { return m.Tree().All() }

// Clock is what the server calls the moment that the tree is of.
func (m *Mirror) Clock() string { return m.Tree().Clock() }

// publish shows a tree to readers, and tells subscribers. It waits for them.
func (m *Mirror) publish(ctx context.Context, u Update) {
	m.mutex.Lock()
	before := m.current.Swap(u.Tree)
	subscribers := slices.Collect(maps.Keys(m.subscriptions))
	if u.Rebased == Initial {
		close(m.ready)
	}
	m.mutex.Unlock()
	if u.Rebased == "" && u.Tree.Seq() == before.Seq() { // nothing but the clock has moved
		return
	}
	var changes []tree.Change
	for i, s := range subscribers {
		switch {
		case i > 0 || u.Rebased == Initial:
		case u.Rebased != "":
			changes = tree.Diff(before, u.Tree)
		default:
			changes = tree.DiffByID(before, u.Tree)
		}
		s.tell(ctx, u, changes)
	}
}

// hasTree says whether there was a first tree; the mutex is held.
func (m *Mirror) hasTree() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

func (m *Mirror) endSubscriptions() {
	m.mutex.Lock()
	m.ended = true
	subscribers := slices.Collect(maps.Keys(m.subscriptions))
	m.mutex.Unlock()
	for _, s := range subscribers {
		s.Close()
	}
}
