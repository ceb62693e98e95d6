package qtn1

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// limits keep a fuzzer from spending its time on documents that are right and large.
var limits = Limits{Entries: 1 << 16}

// Whatever comes, it is a document or an *Error, also behind a right check.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../../../spec/vectors/*/*.qtn")
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(doc) < 4096 {
			f.Add(doc)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, doc := range [][]byte{doc, sealed(doc)} {
			said, err := Decode(doc, limits)
			var defect *Error
			if err != nil && !errors.As(err, &defect) {
				t.Fatal(err)
			}
			if snapshot, ok := said.(*Snapshot); ok {
				isSound(t, snapshot, doc)
			}
			if manifest, ok := said.(*Manifest); ok {
				_, err := manifest.Assemble(func(Group) ([]byte, error) { return doc, nil })
				if err == nil && manifest.Entries > 0 {
					t.Error("it is made of anything")
				}
			}
		}
	})
}

// sealed is the document with the check that it should have.
func sealed(doc []byte) []byte {
	for _, form := range textForms {
		if end := len(doc) - form.checkSize; end > magicSize && bytes.HasPrefix(doc, form.magic[:]) {
			return append(bytes.Clone(doc[:end]), check(doc[:end], form.checkSize)...)
		}
	}
	return doc
}

// isSound is what is so of every snapshot that was taken.
func isSound(t *testing.T, s *Snapshot, doc []byte) {
	seen := map[uint32]bool{s.Top.ID: true}
	type place struct {
		parent uint32
		name   string
	}
	taken := map[place]bool{} // and no paths: those of a deep tree are long
	for i, entry := range s.All() {
		at := place{entry.Parent, entry.Name}
		if seen[entry.ID] || taken[at] || !validName(entry.Name) || !seen[entry.Parent] {
			t.Fatalf("entry %d is none: %+v", i, entry)
		}
		seen[entry.ID], taken[at] = true, true
	}
	if len(Groups(doc)) > 3*s.Entries {
		t.Error("more groups than chunks")
	}
}

func TestACallerCanBoundWhatADocumentCosts(t *testing.T) {
	doc, err := os.ReadFile("../../../spec/vectors/snapshot/wide.qtn")
	if err != nil {
		t.Fatal(err)
	}
	_, err = DecodeSnapshot(doc, Limits{Entries: 10})
	var defect *Error
	if !errors.As(err, &defect) || defect.Code != codeTooManyEntries {
		t.Error(err)
	}
}

func TestHashesAddUp(t *testing.T) {
	a, b := Hash{1, 1<<64 - 1}, Hash{1<<64 - 1, 1}
	if sum := a.Add(b); sum != (Hash{1, 0}) || sum.Sub(b) != a {
		t.Error(sum)
	}
	if text := (Hash{0xab, 1}).String(); text != "00000000000000ab0000000000000001" {
		t.Error(text)
	}
}
