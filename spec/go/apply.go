package qtn1

// application is records being applied to a tree (section 4, "Apply").
type application struct {
	tree    *Tree
	records []Record
	deleted map[uint32]bool
	depths  map[uint32]int // of the entries looked at; climbing while they are
}

const climbing = -1

// Apply is the tree after the records, all together; the tree itself stays as it is. The offset of an *Error is the
// index of the record.
func (t *Tree) Apply(records []Record) (*Tree, error) {
	a := &application{t.clone(), records, map[uint32]bool{}, map[uint32]int{}}
	for _, step := range []func(*Record) string{a.vouch, a.detach, a.set, a.attach, a.inTree, a.remove} {
		for i := range records {
			if code := step(&records[i]); code != "" {
				return nil, &Error{code, i}
			}
		}
	}
	return a.tree, nil
}

// vouch checks what a record says against the entry that is held.
func (a *application) vouch(r *Record) string {
	held := a.tree.nodes[r.ID]
	if r.Has(MaskDeleted) {
		return ""
	}
	if held == nil {
		if r.Mask != maskAll {
			return codeIncompleteRecord
		}
		held = &node{Entry: Entry{Mode: r.Mode}}
	}
	if r.Has(MaskMode) && isDirectory(r.Mode) != held.IsDirectory() {
		return codeTypeTurned
	}
	if r.Has(MaskSize) && r.Size != 0 && held.IsDirectory() {
		return codeDirectorySize
	}
	return ""
}

// detach takes what is placed anew from where it was, and what is deleted from its parent.
func (a *application) detach(r *Record) string {
	held := a.tree.nodes[r.ID]
	if held == nil {
		return ""
	}
	if r.Has(MaskDeleted) {
		a.deleted[r.ID] = true
	}
	if r.Has(MaskDeleted | MaskPlace) {
		delete(a.tree.nodes[held.Parent].children, held.Name)
	}
	return ""
}

func (a *application) set(r *Record) string {
	if r.Has(MaskDeleted) {
		return ""
	}
	held := a.tree.nodes[r.ID]
	if held == nil {
		held = &node{Entry{ID: r.ID}, map[string]uint32{}}
		a.tree.nodes[r.ID] = held
	}
	if r.Has(MaskPlace) {
		held.Parent, held.Name = r.Parent, r.Name
	}
	if r.Has(MaskMode) {
		held.Mode = r.Mode
	}
	if r.Has(MaskSize) {
		held.Size = r.Size
	}
	if r.Has(MaskMtime) {
		held.Mtime = r.Mtime
	}
	return ""
}

func (a *application) attach(r *Record) string {
	if !r.Has(MaskPlace) {
		return ""
	}
	parent := a.tree.nodes[r.Parent]
	if parent == nil || r.Parent != 0 && !parent.IsDirectory() {
		return codeParent
	}
	if r.Parent == 0 && !a.tree.nodes[r.ID].IsDirectory() {
		return codeParent
	}
	if _, taken := parent.children[r.Name]; taken {
		return codeNameTwice
	}
	parent.children[r.Name] = r.ID
	return ""
}

// inTree climbs from the entry told: it must come to 0, not to itself, not to what is deleted, and not from too deep.
func (a *application) inTree(r *Record) string {
	if r.Has(MaskDeleted) {
		return ""
	}
	var way []uint32
	depth := climbing // of 0, so that a root's is 0
	for id := r.ID; id != 0; id = a.tree.nodes[id].Parent {
		if a.deleted[id] {
			return codeBelowDeleted
		}
		known, ok := a.depths[id]
		if ok && known == climbing {
			return codeBelowItself
		}
		if ok {
			depth = known
			break
		}
		a.depths[id] = climbing
		way = append(way, id)
	}
	for i := len(way) - 1; i >= 0; i-- {
		depth++
		a.depths[way[i]] = depth
	}
	if a.depths[r.ID] > maxDepth {
		return codeTooDeep
	}
	return ""
}

// remove takes out what is deleted, with what is still below it.
func (a *application) remove(r *Record) string {
	if !a.deleted[r.ID] {
		return ""
	}
	for pending := []uint32{r.ID}; len(pending) > 0; {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if gone := a.tree.nodes[id]; gone != nil {
			for _, child := range gone.children {
				pending = append(pending, child)
			}
			delete(a.tree.nodes, id)
		}
	}
	return ""
}
