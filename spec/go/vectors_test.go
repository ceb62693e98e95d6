package qtn1

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Of the published snapshots, where they stand beside this module, each directory says by itself what it says in all.
func TestBelowOfPublishedVectors(t *testing.T) {
	files, err := filepath.Glob("../vectors/snapshot/*.qtn")
	if err != nil || len(files) == 0 {
		t.Skip("no vectors here")
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := DecodeSnapshot(doc, Options{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		tree, looked := NewTree(s), 0
		for _, entry := range s.Entries {
			if !entry.IsDirectory() || looked == 64 { // of a large one the first will do
				continue
			}
			looked++
			want, _ := tree.below(tree.nodes[entry.ID])
			got, err := DecodeBelow(doc, tree.path(entry.ID), Options{})
			if err != nil || got.ID != entry.ID || len(got.Entries)+len(want) > 0 && !reflect.DeepEqual(got.Entries, want) {
				t.Errorf("%s: %q is not what the whole says: %v", file, tree.path(entry.ID), err)
			}
		}
	}
}
