package tree

import "smarttree.example/smarttree/qtn1"

// Codes of records that can't be applied, as the format's page has them.
const (
	codeIncompleteRecord = "incomplete-record"
	codeTypeTurned       = "type-turned"
	codeDirectorySize    = "directory-size"
	codeParent           = "parent"
	codeNameTwice        = "name-twice"
	codeBelowItself      = "below-itself"
	codeBelowDeleted     = "below-deleted"
	codeTooDeep          = "too-deep"
)

// draft is records worked out on copies of what they touch; the replica changes only at commit.
type draft struct {
	replica *Replica
	told    map[uint32]*told
	edits   map[uint32]*edit // of directories, whose children change
	depths  map[uint32]int   // of the entries looked at; climbing while they are
	dirty   map[uint32]bool  // directories that have an edit, or are above one
	below   map[uint32][]uint32
	remade  []held // directories that are not told, and have to be made anew
	roots   *directory
}

// told is an entry that a record tells of.
type told struct {
	held    // as it will be; the node is nil where it is deleted
	old     *node
	deleted bool
}

// edit is what leaves a directory and what comes into it. A change of an entry where it is is both.
type edit struct {
	gone, come []*node
	record     int // the last record that brought something, to be named where it can't be
}

const climbing = -1

func newDraft(r *Replica, records []qtn1.Record) (*draft, error) {
	d := &draft{
		replica: r, told: make(map[uint32]*told, len(records)), edits: map[uint32]*edit{},
		depths: map[uint32]int{}, dirty: map[uint32]bool{}, below: map[uint32][]uint32{},
	}
	steps := []func(int, *qtn1.Record) string{d.take, d.checkParent, d.checkWay}
	for _, step := range steps {
		for i := range records {
			if code := step(i, &records[i]); code != "" {
				return nil, &qtn1.Error{Code: code, Offset: i}
			}
		}
	}
	for id := range d.edits {
		d.soil(id)
	}
	service := node{dir: r.tree.roots}
	if err := d.remake(&service); err != nil {
		return nil, err
	}
	d.roots = service.dir
	return d, nil
}

func (d *draft) edit(directory uint32) *edit {
	e := d.edits[directory]
	if e == nil {
		e = &edit{}
		d.edits[directory] = e
	}
	return e
}

// take checks what a record says against the entry that is held, and notes what leaves and comes.
func (d *draft) take(i int, r *qtn1.Record) string {
	was, isHeld := d.replica.index[r.ID]
	if r.Mask.Has(qtn1.MaskDeleted) {
		if isHeld {
			d.told[r.ID] = &told{held: held{nil, was.parent}, old: was.node, deleted: true}
			e := d.edit(was.parent)
			e.gone = append(e.gone, was.node)
		}
		return ""
	}
	if !isHeld && r.Mask != qtn1.MaskAll {
		return codeIncompleteRecord
	}
	now := &told{held: held{&node{id: r.ID, mode: r.Mode}, was.parent}, old: was.node}
	if isHeld {
		*now.node = *was.node
		e := d.edit(was.parent)
		e.gone = append(e.gone, was.node)
	}
	if code := now.set(r); code != "" {
		return code
	}
	if now.node.dir == nil && now.node.isDirectory() {
		now.node.dir = &directory{}
	}
	d.told[r.ID] = now
	e := d.edit(now.parent)
	e.come, e.record = append(e.come, now.node), i
	return ""
}

func (n *node) isDirectory() bool { return qtn1.IsDirectory(n.mode) }

func (t *told) set(r *qtn1.Record) string {
	n := t.node
	if r.Mask.Has(qtn1.MaskPlace) {
		t.parent, n.name = r.Parent, r.Name
	}
	if r.Mask.Has(qtn1.MaskMode) {
		if qtn1.IsDirectory(r.Mode) != n.isDirectory() {
			return codeTypeTurned
		}
		n.mode = r.Mode
	}
	if r.Mask.Has(qtn1.MaskSize) {
		if r.Size != 0 && n.isDirectory() {
			return codeDirectorySize
		}
		n.size = r.Size
	}
	if r.Mask.Has(qtn1.MaskMtime) {
		n.mtime = r.Mtime
	}
	return ""
}

// checkParent sees that what is placed has a parent that is a directory; one that is deleted is found out later.
func (d *draft) checkParent(_ int, r *qtn1.Record) string {
	if !r.Mask.Has(qtn1.MaskPlace) {
		return ""
	}
	var parent *node
	if r.Parent == 0 {
		parent = d.told[r.ID].node // what is directly below the service is a directory itself
	} else if t := d.told[r.Parent]; t == nil {
		parent = d.replica.index[r.Parent].node
	} else if parent = t.node; t.deleted {
		parent = t.old
	}
	if parent == nil || !parent.isDirectory() {
		return codeParent
	}
	return ""
}

// checkWay climbs from the entry told: it must come to the service, not to itself, not to what is deleted, and not from
// too deep.
func (d *draft) checkWay(_ int, r *qtn1.Record) string {
	if r.Mask.Has(qtn1.MaskDeleted) {
		return ""
	}
	var way []uint32
	depth := climbing // of the service, so that a root's is 0
	for id := r.ID; id != 0; id = d.parent(id) {
		if t := d.told[id]; t != nil && t.deleted {
			return codeBelowDeleted
		}
		known, ok := d.depths[id]
		if ok && known == climbing {
			return codeBelowItself
		}
		if ok {
			depth = known
			break
		}
		d.depths[id] = climbing
		way = append(way, id)
	}
	for i := len(way) - 1; i >= 0; i-- {
		depth++
		d.depths[way[i]] = depth
	}
	if d.depths[r.ID] > qtn1.MaxDepth {
		return codeTooDeep
	}
	return ""
}

// parent is where an entry will be.
func (d *draft) parent(id uint32) uint32 {
	if t := d.told[id]; t != nil {
		return t.parent
	}
	return d.replica.index[id].parent
}
