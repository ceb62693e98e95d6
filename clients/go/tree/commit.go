package tree

import "smarttree.example/smarttree/qtn1"

// soil marks a directory, and those above it, to be made anew.
func (d *draft) soil(id uint32) {
	for id != 0 && !d.dirty[id] {
		d.dirty[id] = true
		parent := d.parent(id)
		d.below[parent] = append(d.below[parent], id)
		id = parent
	}
}

// remake gives a node the directory that it will have. The node is a copy already; what is deleted is not met, as it is
// below nothing that is.
func (d *draft) remake(n *node) error {
	for _, id := range d.below[n.id] {
		t := d.told[id]
		if t != nil && t.deleted {
			continue
		}
		if t != nil {
			if err := d.remake(t.node); err != nil {
				return err
			}
			continue
		}
		was := d.replica.index[id].node
		copied := *was
		if err := d.remake(&copied); err != nil {
			return err
		}
		d.remade = append(d.remade, held{&copied, n.id})
		e := d.edit(n.id)
		e.gone, e.come = append(e.gone, was), append(e.come, &copied)
	}
	e := d.edits[n.id]
	if e == nil {
		return nil
	}
	children, ok := merge(n.dir.children, e.gone, e.come)
	if !ok {
		return &qtn1.Error{Code: codeNameTwice, Offset: e.record}
	}
	digest, isService := n.dir.digest, n.id == 0
	for _, gone := range e.gone {
		digest = digest.Sub(gone.hash(isService))
	}
	for _, come := range e.come {
		digest = digest.Add(come.hash(isService))
	}
	n.dir = &directory{children, digest}
	return nil
}

// commit makes the replica's tree the one that was drafted, under the given clock.
func (d *draft) commit(next Tree) {
	index := d.replica.index
	for _, t := range d.told {
		if t.deleted {
			d.drop(t.old)
		}
	}
	for id, t := range d.told {
		if !t.deleted {
			index[id] = t.held
		}
	}
	for _, made := range d.remade {
		index[made.node.id] = made
	}
	next.count, next.roots = len(index), d.roots
	d.replica.tree = &next
}

// drop takes a node that is deleted out of the index, with what is still below it: what is told was moved away, or is
// deleted by itself.
func (d *draft) drop(n *node) {
	delete(d.replica.index, n.id)
	if n.dir == nil {
		return
	}
	for _, child := range n.dir.children {
		if d.told[child.id] == nil {
			d.drop(child)
		}
	}
}
