package tree_test

import (
	"slices"
	"testing"

	"smarttree.example/smarttree/internal/vectors"
	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

func TestBatches(t *testing.T) {
	vectors.Each(t, "batch/*.batch.qtn", func(t *testing.T, stem string) {
		replica := planted(t, stem+".before.qtn")
		before, want := replica.Tree(), planted(t, stem+".after.qtn").Tree()
		batch := vectors.Decode[*qtn1.Batch](t, stem+".batch.qtn")
		if _, err := replica.Apply("later", batch); err != nil {
			t.Fatal(err)
		}
		isSame(t, replica.Tree(), want)
		isSame(t, before, planted(t, stem+".before.qtn").Tree())
		if replica.Tree().Seq() != want.Seq() || replica.Tree().Clock() != "later" {
			t.Error("it is of another clock")
		}
		if applied, err := replica.Apply("again", batch); applied || err != nil {
			t.Error("it is applied twice", err)
		}
		if err := replica.ApplyDelta(&qtn1.Delta{Records: batch.Records}); err != nil {
			t.Error(err)
		}
		isSame(t, replica.Tree(), want) // a record says the same however often it is applied
	})
}

func TestDeltas(t *testing.T) {
	vectors.Each(t, "delta/*.delta.qtn", func(t *testing.T, stem string) {
		replica := planted(t, stem+".before.qtn")
		if err := replica.ApplyDelta(vectors.Decode[*qtn1.Delta](t, stem+".delta.qtn")); err != nil {
			t.Fatal(err)
		}
		isSame(t, replica.Tree(), planted(t, stem+".after.qtn").Tree())
	})
}

func TestBatchesThatCannotBeApplied(t *testing.T) {
	vectors.Each(t, "invalid/*.before.qtn", func(t *testing.T, stem string) {
		replica := planted(t, stem+".before.qtn")
		before := replica.Tree()
		_, err := replica.Apply("", vectors.Decode[*qtn1.Batch](t, stem+".batch.qtn"))
		vectors.Refused(t, err, stem)
		if replica.Tree() != before {
			t.Error("the tree has changed")
		}
	})
}

func planted(t *testing.T, file string) *tree.Replica {
	t.Helper()
	var replica tree.Replica
	if err := replica.Load("", vectors.Decode[*qtn1.Snapshot](t, file)); err != nil {
		t.Fatal(err)
	}
	return &replica
}

type told struct {
	path  string
	entry qtn1.Entry
}

func everything(of *tree.Tree) (all []told) {
	for path, entry := range of.All() {
		all = append(all, told{path, entry})
	}
	return all
}

func isSame(t *testing.T, got, want *tree.Tree) {
	t.Helper()
	if got.Digest() != want.Digest() || got.Len() != want.Len() || !slices.Equal(everything(got), everything(want)) {
		t.Error("the trees differ")
	}
}
