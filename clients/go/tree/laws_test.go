package tree_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

// world makes batches at random for a tree that it keeps in the simplest way there is: records by id.
type world struct {
	random  *rand.Rand
	entries map[uint32]qtn1.Entry
	nextID  uint32
	seq     uint64
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), entries: map[uint32]qtn1.Entry{}, nextID: 2}
	w.entries[1] = qtn1.Entry{ID: 1, Name: "/srv", Mode: 0o40755}
	return w
}

func (w *world) pick(suits func(qtn1.Entry) bool) (qtn1.Entry, bool) {
	var ids []uint32
	for id, entry := range w.entries {
		if suits(entry) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return qtn1.Entry{}, false
	}
	slices.Sort(ids)
	return w.entries[ids[w.random.IntN(len(ids))]], true
}

func (w *world) directory() qtn1.Entry {
	entry, _ := w.pick(func(e qtn1.Entry) bool { return e.IsDirectory() })
	return entry
}

func (w *world) freeName(parent uint32) string {
	for {
		name := fmt.Sprintf("n%d", w.random.IntN(50))
		_, taken := w.pick(func(e qtn1.Entry) bool { return e.Parent == parent && e.Name == name })
		if !taken {
			return name
		}
	}
}

func (w *world) isBelow(id, above uint32) bool {
	for ; id != 0; id = w.entries[id].Parent {
		if id == above {
			return true
		}
	}
	return false
}

// change does one thing, and is the record of it; no record where nothing fits.
func (w *world) change() (record qtn1.Record, done bool) {
	below := func(e qtn1.Entry) bool { return e.Parent != 0 }
	entry, found := w.pick(below)
	switch kind := w.random.IntN(10); {
	case kind < 5 || !found:
		parent := w.directory().ID
		entry = qtn1.Entry{ID: w.nextID, Parent: parent, Name: w.freeName(parent), Mode: 0o100644, Size: w.random.Uint64N(99)}
		if kind%2 == 0 {
			entry.Mode, entry.Size = 0o40755, 0
		}
		w.nextID++
		record = qtn1.Record{Entry: entry, Mask: qtn1.MaskAll}
	case kind < 7:
		to := w.directory().ID
		if w.isBelow(to, entry.ID) {
			return record, false
		}
		entry.Parent, entry.Name = to, w.freeName(to)
		record = qtn1.Record{Entry: entry, Mask: qtn1.MaskPlace}
	case kind < 9:
		entry.Mtime++
		record = qtn1.Record{Entry: entry, Mask: qtn1.MaskMtime}
	default:
		for id := range w.entries {
			if w.isBelow(id, entry.ID) && id != entry.ID {
				defer delete(w.entries, id)
			}
		}
		delete(w.entries, entry.ID)
		return qtn1.Record{Entry: qtn1.Entry{ID: entry.ID}, Mask: qtn1.MaskDeleted}, true
	}
	w.entries[entry.ID] = entry
	return record, true
}

func (w *world) path(id uint32) string {
	entry := w.entries[id]
	if entry.Parent == 0 {
		return entry.Name
	}
	return w.path(entry.Parent) + "/" + entry.Name
}

func (w *world) everything() (all []told) {
	for id, entry := range w.entries {
		all = append(all, told{w.path(id), entry})
	}
	slices.SortFunc(all, func(a, b told) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	return all
}

func (w *world) digest(parent uint32) (sum qtn1.Hash) {
	for _, e := range w.entries {
		switch {
		case e.Parent != parent:
		case parent == 0:
			sum = sum.Add(qtn1.RootHash(e.Name, w.digest(e.ID)))
		default:
			sum = sum.Add(qtn1.EntryHash(e.Name, e.Mode, e.Size, e.Mtime, w.digest(e.ID)))
		}
	}
	return sum
}

// A replica that is given every batch is the world, by entries and by digest; and what differs, told to one who knows
// the paths before, gives the paths after.
func TestAReplicaIsTheWorld(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(seed)
		var replica tree.Replica
		top := qtn1.Header{Top: qtn1.Top{ID: 1, Path: "/srv", Mode: 0o40755}}
		if err := replica.Load("", &qtn1.Snapshot{Header: top}); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			batch := &qtn1.Batch{FromSeq: w.seq, ToSeq: w.seq + 1}
			if record, done := w.change(); done {
				batch.Records = []qtn1.Record{record}
			}
			w.seq++
			batch.Digest = w.digest(0).Lo
			before := replica.Tree()
			was := everything(before)
			if _, err := replica.Apply("", batch); err != nil {
				t.Fatal(seed, batch, err)
			}
			now := replica.Tree()
			if got := everything(now); !slices.Equal(got, w.everything()) || now.Digest() != w.digest(0) {
				t.Fatal(seed, "the replica is not the world")
			}
			if !slices.Equal(everything(before), was) {
				t.Fatal(seed, "an earlier tree has changed")
			}
			for _, changes := range [][]tree.Change{tree.Diff(before, now), tree.DiffByID(before, now)} {
				leads(t, before, now, changes)
			}
		}
	}
}

func leads(t *testing.T, before, after *tree.Tree, changes []tree.Change) {
	t.Helper()
	paths := map[string]uint16{}
	for path, entry := range before.All() {
		paths[path] = entry.Mode
	}
	for _, c := range changes {
		switch c.Type {
		case tree.Deleted:
			delete(paths, c.Path)
		case tree.Renamed:
			delete(paths, c.OldPath)
		}
	}
	for _, c := range changes {
		if c.Type != tree.Deleted {
			paths[c.Path] = c.Entry.Mode
		}
	}
	for path, entry := range after.All() {
		if mode, ok := paths[path]; !ok || mode != entry.Mode {
			t.Fatalf("%s is not told of: %+v", path, changes)
		}
		delete(paths, path)
	}
	if len(paths) > 0 {
		t.Fatalf("%v should be gone: %+v", paths, changes)
	}
}

func TestWhatIsToldOfAMove(t *testing.T) {
	var replica tree.Replica
	entry := func(id, parent uint32, name string, mode uint16) qtn1.Record {
		return qtn1.Record{Entry: qtn1.Entry{ID: id, Parent: parent, Name: name, Mode: mode}, Mask: qtn1.MaskAll}
	}
	apply := func(records ...qtn1.Record) {
		t.Helper()
		if err := replica.ApplyDelta(&qtn1.Delta{Records: records}); err != nil {
			t.Fatal(err)
		}
	}
	if err := replica.Load(""); err != nil {
		t.Fatal(err)
	}
	apply(entry(1, 0, "/", 0o40755), entry(2, 1, "a", 0o40755), entry(3, 2, "x", 0o100644), entry(4, 1, "b", 0o40755))
	before := replica.Tree()
	moved, touched := entry(2, 4, "c", 0), entry(3, 0, "", 0)
	moved.Mask, touched.Mask, touched.Mtime = qtn1.MaskPlace, qtn1.MaskMtime, 5
	apply(moved, touched)
	var said []string
	for _, c := range tree.DiffByID(before, replica.Tree()) {
		path, old := c.Below()
		said = append(said, fmt.Sprint(c.Type, " ", c.OldPath, " ", c.Path, " ", old, " ", path))
	}
	want := []string{"renamed /a /b/c a b/c", "renamed /a/x /b/c/x a/x b/c/x", "modified  /b/c/x  b/c/x"}
	if !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
	if e, found := replica.Tree().Lookup("/b/c/x"); !found || e.ID != 3 || e.Parent != 2 {
		t.Error(e, found)
	}
	for _, path := range []string{"", "b", "/b/", "/b/c/x/y", "//b", "/a"} {
		if e, found := replica.Tree().Lookup(path); found {
			t.Errorf("%q is %+v", path, e)
		}
	}
}

func TestWhyABatchIsNotTaken(t *testing.T) {
	var replica tree.Replica
	if _, err := replica.Apply("", &qtn1.Batch{ToSeq: 1}); !errors.Is(err, tree.ErrGap) {
		t.Error(err)
	}
	header := qtn1.Header{Epoch: 7, Seq: 10, Top: qtn1.Top{ID: 1, Path: "/srv", Mode: 0o40755}}
	if err := replica.Load("now", &qtn1.Snapshot{Header: header}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		batch qtn1.Batch
		want  error
	}{
		{qtn1.Batch{Epoch: 8, FromSeq: 10, ToSeq: 11}, tree.ErrEpoch},
		{qtn1.Batch{Epoch: 7, FromSeq: 11, ToSeq: 12}, tree.ErrGap},
		{qtn1.Batch{Epoch: 7, FromSeq: 10, ToSeq: 11, Digest: 1}, tree.ErrDigest},
		{qtn1.Batch{Epoch: 7, FromSeq: 3, ToSeq: 10, Digest: 1}, nil},
	} {
		if applied, err := replica.Apply("later", &c.batch); applied || !errors.Is(err, c.want) {
			t.Error(c.batch, applied, err)
		}
	}
	if replica.Tree().Clock() != "now" {
		t.Error("it has moved")
	}
	twice := []*qtn1.Snapshot{{Header: header}, {Header: header}}
	if err := replica.Load("", twice...); err == nil {
		t.Error("an id is there twice")
	}
}
