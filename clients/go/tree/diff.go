package tree

import (
	"slices"
	"strings"

	"smarttree.example/smarttree/qtn1"
)

// ChangeType says what became of an entry.
type ChangeType string

// What can become of an entry.
const (
	Created  ChangeType = "created"
	Modified ChangeType = "modified" // mode, size or time; of a directory its mode alone
	Deleted  ChangeType = "deleted"
	Renamed  ChangeType = "renamed" // the same entry at another path
)

// Change is what became of one entry.
type Change struct {
	Type    ChangeType
	Path    string // absolute, as raw bytes
	OldPath string // of what was renamed
	Entry   qtn1.Entry

	below, oldBelow string
}

// Below is the paths below the roots, where globs are matched; a root's own is empty, and so is the old one of what was
// not renamed.
func (c *Change) Below() (path, old string) { return c.below, c.oldBelow }

// Diff is what differs between two trees, path by path. The order is: deleted, created, modified, and by path among
// these.
func Diff(before, after *Tree) []Change {
	return diff(before, after, false)
}

// DiffByID does the same for two trees of one epoch, and knows by its id what was renamed: it is told before what was
// modified. What was renamed and modified is told as both.
func DiffByID(before, after *Tree) []Change {
	return diff(before, after, true)
}

func diff(before, after *Tree, byID bool) []Change {
	c := comparison{byID: byID}
	c.directories(before.roots, after.roots, site{isService: true}, site{isService: true})
	if byID {
		c.pair()
	}
	changes := make([]Change, 0, len(c.gone)+len(c.come)+len(c.modified)+len(c.renamed))
	for _, s := range c.gone {
		changes = append(changes, s.change(Deleted))
	}
	for _, s := range c.come {
		changes = append(changes, s.change(Created))
	}
	changes = append(changes, c.renamed...)
	for _, s := range c.modified {
		changes = append(changes, s.change(Modified))
	}
	return changes
}

// site is an entry with where it stands.
type site struct {
	node      *node
	parent    uint32
	path      string
	below     int // where, in path, the path below the root begins; its end of a root
	isService bool
}

func (s site) child(n *node) site {
	if s.isService {
		return site{node: n, path: n.name, below: len(n.name)}
	}
	of := site{node: n, parent: s.node.id, path: Join(s.path, n.name), below: s.below}
	if s.below == len(s.path) {
		of.below = len(of.path) - len(n.name)
	}
	return of
}

func (s site) change(of ChangeType) Change {
	return Change{Type: of, Path: s.path, Entry: s.node.entry(s.parent), below: s.path[s.below:]}
}

// comparison gathers what differs. What two trees share is not looked at.
type comparison struct {
	byID                 bool
	gone, come, modified []site
	renamed              []Change
}

func (c *comparison) directories(old, now *directory, oldSite, nowSite site) {
	if old == now {
		return
	}
	i, j := 0, 0
	for i < len(old.children) || j < len(now.children) {
		order := 0
		switch {
		case i == len(old.children):
			order = 1
		case j == len(now.children):
			order = -1
		case old.children[i] != now.children[j]:
			order = strings.Compare(old.children[i].name, now.children[j].name)
		}
		switch {
		case order < 0:
			c.all(&c.gone, oldSite.child(old.children[i]))
			i++
		case order > 0:
			c.all(&c.come, nowSite.child(now.children[j]))
			j++
		default:
			if old.children[i] != now.children[j] {
				c.pairOfName(oldSite.child(old.children[i]), nowSite.child(now.children[j]))
			}
			i, j = i+1, j+1
		}
	}
}

// pairOfName compares what stands at one path.
func (c *comparison) pairOfName(old, now site) {
	const fileType = 0xF000
	same := old.node.mode&fileType == now.node.mode&fileType
	if c.byID {
		same = old.node.id == now.node.id
	}
	if !same {
		c.all(&c.gone, old)
		c.all(&c.come, now)
		return
	}
	if isModified(old.node, now.node) {
		c.modified = append(c.modified, now)
	}
	if now.node.dir != nil {
		c.directories(old.node.dir, now.node.dir, old, now)
	}
}

func isModified(old, now *node) bool {
	return old.mode != now.mode || now.dir == nil && (old.size != now.size || old.mtime != now.mtime)
}

// all notes an entry and everything below it.
func (c *comparison) all(list *[]site, s site) {
	*list = append(*list, s)
	if s.node.dir == nil {
		return
	}
	for _, child := range s.node.dir.children {
		c.all(list, s.child(child))
	}
}

// pair finds what went and came by one id: it was renamed.
func (c *comparison) pair() {
	if len(c.gone) == 0 || len(c.come) == 0 {
		return
	}
	left := make(map[uint32]site, len(c.gone))
	for _, s := range c.gone {
		left[s.node.id] = s
	}
	moved := map[uint32]bool{}
	c.come = slices.DeleteFunc(c.come, func(now site) bool {
		old, isMoved := left[now.node.id]
		if !isMoved {
			return false
		}
		moved[now.node.id] = true
		change := now.change(Renamed)
		change.OldPath, change.oldBelow = old.path, old.path[old.below:]
		c.renamed = append(c.renamed, change)
		if isModified(old.node, now.node) {
			c.modified = append(c.modified, now)
		}
		return true
	})
	c.gone = slices.DeleteFunc(c.gone, func(old site) bool { return moved[old.node.id] })
}
