package qtn1

import (
	"reflect"
	"testing"
)

func sampleTree(t *testing.T) (*Snapshot, *Tree) {
	t.Helper()
	s, err := DecodeSnapshot(plain(sample(), 100).document(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, NewTree(s)
}

func TestTreeIsTheSnapshot(t *testing.T) {
	s, tree := sampleTree(t)
	again, err := tree.Snapshot(s.Epoch, s.Seq)
	if err != nil || !reflect.DeepEqual(s, again) {
		t.Error(again, err)
	}
}

func place(id, parent uint32, name string) Record {
	return Record{ID: id, Mask: MaskPlace, Parent: parent, Name: name}
}

func create(id, parent uint32, name string, mode uint16) Record {
	return Record{ID: id, Mask: maskAll, Parent: parent, Name: name, Mode: mode}
}

func gone(id uint32) Record { return Record{ID: id, Mask: MaskDeleted} }

func TestApplyAllTogether(t *testing.T) {
	after := dir("/srv/data", 5,
		dir("a", 1, dir("empty", 9), file("moved", 3), file("x", 2)), // a and b swap names
		file("a.txt", 12),
		dir("b", 11, dir("new", 50)),
		dir("f3", 102)) // out of e, which is deleted
	after.in[2].in[0].mtime = 0
	records := []Record{place(1, 5, "a"), place(3, 1, "moved"), gone(4), place(11, 5, "b"), gone(30),
		create(50, 11, "new", directoryMode), place(102, 5, "f3"), gone(49_999_998), gone(49_999_999)}

	before, tree := sampleTree(t)
	for round := 0; round < 2; round++ { // twice is the same as once
		changed, err := tree.Apply(records)
		if err != nil {
			t.Fatal(err)
		}
		got, err := changed.Snapshot(1, 2)
		if err != nil || !reflect.DeepEqual(got.Entries, wanted(after)) || got.Digest != digestOfBranch(after) {
			t.Errorf("got %v, %v", got.Entries, err)
		}
		if held, _ := tree.Snapshot(before.Epoch, before.Seq); round == 0 && !reflect.DeepEqual(held, before) {
			t.Error("the tree that the records were applied to has changed")
		}
		tree = changed
	}
}

func TestApplyDefects(t *testing.T) {
	deep := []Record{}
	for id, parent := uint32(1000), uint32(5); id < 1513; id, parent = id+1, id {
		deep = append(deep, create(id, parent, "n", directoryMode))
	}
	for name, defect := range map[string]struct {
		code    string
		index   int
		records []Record
	}{
		"incomplete":         {codeIncompleteRecord, 0, []Record{place(77, 5, "n")}},
		"turned":             {codeTypeTurned, 1, []Record{place(1, 5, "n"), {ID: 2, Mask: MaskMode, Mode: directoryMode}}},
		"size":               {codeDirectorySize, 0, []Record{{ID: 1, Mask: MaskSize, Size: 1}}},
		"no parent":          {codeParent, 0, []Record{place(2, 77, "n")}},
		"parent is a file":   {codeParent, 0, []Record{place(2, 3, "n")}},
		"a file as a root":   {codeParent, 0, []Record{create(77, 0, "/n", fileMode)}},
		"name taken":         {codeNameTwice, 0, []Record{place(2, 5, "a")}},
		"names twice":        {codeNameTwice, 1, []Record{place(2, 5, "n"), place(3, 5, "n")}},
		"root twice":         {codeNameTwice, 0, []Record{create(77, 0, "/srv/data", directoryMode)}},
		"itself":             {codeBelowItself, 0, []Record{place(1, 1, "n")}},
		"its child":          {codeBelowItself, 0, []Record{place(11, 4, "n")}},
		"each other":         {codeBelowItself, 0, []Record{place(1, 11, "n"), place(11, 1, "n")}},
		"into the deleted":   {codeBelowDeleted, 0, []Record{place(2, 11, "n"), gone(11)}},
		"below the deleted":  {codeBelowDeleted, 0, []Record{{ID: 3, Mask: MaskMtime}, gone(11)}},
		"created in deleted": {codeBelowDeleted, 1, []Record{gone(11), create(77, 4, "n", fileMode)}},
		"too deep":           {codeTooDeep, 512, deep},
	} {
		_, tree := sampleTree(t)
		_, err := tree.Apply(defect.records)
		if got, ok := err.(*Error); !ok || got.Code != defect.code || got.Offset != defect.index {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, tree := sampleTree(t)
	if _, err := tree.Apply(deep[:512]); err != nil {
		t.Error(err)
	}
}

func TestApplyBatchByItsClock(t *testing.T) {
	s, _ := sampleTree(t)
	b := &Batch{Epoch: s.Epoch, FromSeq: 7, ToSeq: 8, Void: true, Records: []Record{gone(1)}}
	after, err := ApplyBatch(s, b)
	if err != nil || after.Seq != 8 || len(after.Entries) != len(s.Entries)-3 {
		t.Error(after, err)
	}
	if again, err := ApplyBatch(after, b); err != nil || again != after {
		t.Error(again, err)
	}
	right := *b
	right.Void, right.Digest = false, after.Digest.Lo
	if _, err := ApplyBatch(s, &right); err != nil {
		t.Error(err)
	}
	early := *b
	early.FromSeq = 5
	if _, err := ApplyBatch(s, &early); err != nil {
		t.Error(err)
	}
	right.Digest++
	if _, err := ApplyBatch(s, &right); err != ErrFetchAnew {
		t.Error(err)
	}
	for _, other := range []*Batch{{Epoch: 1, FromSeq: 7, ToSeq: 8}, {Epoch: s.Epoch, FromSeq: 8, ToSeq: 9}} {
		if _, err := ApplyBatch(s, other); err != ErrFetchAnew {
			t.Error(err)
		}
	}
}
