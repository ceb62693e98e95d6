package smarttree

import (
	"context"
	"sync"

	"smarttree.example/smarttree/internal/glob"
	"smarttree.example/smarttree/tree"
)

// Update is a new tree of a mirror: after a batch, or in the place of the one before.
type Update struct {
	Tree    *tree.Tree
	Changes []tree.Change // those that the subscription asked for; none with the first tree
	Rebased string        // why the tree was replaced as a whole: Initial, Server, Gap …; empty after a batch
	Fetched int           // groups that were fetched one by one to replace it
}

// Subscription is told of each new tree of a mirror.
type Subscription struct {
	mirror  *Mirror
	globs   []glob.Glob
	updates chan Update
	closed  chan struct{}
	once    sync.Once
	telling sync.Mutex
}

// Subscribe hears of the tree there is, and then of each new one, with those changes whose new or old path below its
// root matches one of the globs; without globs, with every change. "*" and "?" match within a name, "[a-z]" and
// "[!a-z]" one byte, "**" any number of names. A glob without a "/" matches the last name at any depth; a "/" at its
// beginning or in it ties it to the root.
//
// Nothing is left out: the mirror waits for a subscriber that is slow, and its tree with it. One that has enough has to
// Close.
func (m *Mirror) Subscribe(globs ...string) *Subscription {
	s := &Subscription{mirror: m, updates: make(chan Update, 1), closed: make(chan struct{})}
	for _, text := range globs {
		s.globs = append(s.globs, glob.Compile(text))
	}
	m.mutex.Lock()
	ended := m.ended
	if !ended {
		m.subscriptions[s] = struct{}{}
	}
	if !ended && m.hasTree() {
		s.updates <- Update{Tree: m.current.Load(), Rebased: Initial} // which has room: nothing was told yet
	}
	m.mutex.Unlock()
	if ended {
		s.Close()
	}
	return s
}

// Updates is closed when the mirror ends, or the subscription is closed.
func (s *Subscription) Updates() <-chan Update { return s.updates }

// Close ends the subscription.
func (s *Subscription) Close() {
	s.once.Do(func() {
		close(s.closed) // so that whoever is telling stops waiting
		s.mirror.mutex.Lock()
		delete(s.mirror.subscriptions, s)
		s.mirror.mutex.Unlock()
		s.telling.Lock()
		close(s.updates)
		s.telling.Unlock()
	})
}

func (s *Subscription) tell(ctx context.Context, u Update, changes []tree.Change) {
	s.telling.Lock()
	defer s.telling.Unlock()
	select {
	case <-s.closed:
		return
	default:
	}
	for _, change := range changes {
		if s.wants(&change) {
			u.Changes = append(u.Changes, change)
		}
	}
	select {
	case s.updates <- u:
	case <-s.closed:
	case <-ctx.Done():
	}
}

func (s *Subscription) wants(change *tree.Change) bool {
	if len(s.globs) == 0 {
		return true
	}
	path, old := change.Below()
	for _, g := range s.globs {
		if g.Match(path) || change.Type == tree.Renamed && g.Match(old) {
			return true
		}
	}
	return false
}
