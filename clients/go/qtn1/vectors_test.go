package qtn1_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"smarttree.example/smarttree/internal/vectors"
	"smarttree.example/smarttree/qtn1"
)

func TestSnapshots(t *testing.T) {
	vectors.Each(t, "snapshot/*.json", func(t *testing.T, stem string) {
		vectors.DocumentSays(t, stem+".qtn", stem+".json")
		if vectors.Exists(stem + ".raw.qtn") { // large ones are not kept raw
			vectors.DocumentSays(t, stem+".raw.qtn", stem+".json")
		}
	})
}

func TestManifests(t *testing.T) {
	vectors.Each(t, "manifest/*.json", func(t *testing.T, stem string) {
		vectors.DocumentSays(t, stem+".qtn", stem+".json")
		snapshot := vectors.Read(t, filepath.Join(filepath.Dir(stem), "..", "snapshot", filepath.Base(stem)+".qtn"))
		assembled, err := assemble(vectors.Decode[*qtn1.Manifest](t, stem+".qtn"), snapshot)
		if err != nil || !bytes.Equal(assembled, snapshot) {
			t.Errorf("its groups do not make the snapshot: %v", err)
		}
	})
}

// assemble makes a snapshot of the groups of one, in their order where an address is not known.
func assemble(m *qtn1.Manifest, snapshot []byte) ([]byte, error) {
	groups := qtn1.Groups(snapshot)
	return m.Assemble(func(g qtn1.Group) ([]byte, error) { return groups[g.Address], nil })
}

func TestBatchesAndDeltas(t *testing.T) {
	vectors.Each(t, "batch/*.json", func(t *testing.T, stem string) {
		vectors.DocumentSays(t, stem+".batch.qtn", stem+".json")
	})
	vectors.Each(t, "delta/*.json", func(t *testing.T, stem string) {
		vectors.DocumentSays(t, stem+".delta.qtn", stem+".json")
	})
}

func TestTexts(t *testing.T) {
	vectors.Each(t, "text/*.txt", func(t *testing.T, stem string) {
		doc, err := qtn1.Binary(string(vectors.Read(t, stem+".txt")))
		if err != nil || !bytes.Equal(doc, vectors.Read(t, stem+".qtn")) {
			t.Errorf("the text is of another document: %v", err)
		}
	})
}

func TestInvalidTexts(t *testing.T) {
	vectors.Each(t, "invalid/*.txt", func(t *testing.T, stem string) {
		_, err := qtn1.Binary(string(vectors.Read(t, stem+".txt")))
		vectors.Refused(t, err, stem)
	})
}

func TestInvalidDocuments(t *testing.T) {
	decoders := map[string]func([]byte) error{
		".snapshot.qtn": func(doc []byte) error { _, err := qtn1.DecodeSnapshot(doc, qtn1.Limits{}); return err },
		".manifest.qtn": func(doc []byte) error { _, err := qtn1.DecodeManifest(doc, qtn1.Limits{}); return err },
		".batch.qtn":    func(doc []byte) error { _, err := qtn1.DecodeBatch(doc, qtn1.Limits{}); return err },
		".delta.qtn":    func(doc []byte) error { _, err := qtn1.DecodeDelta(doc, qtn1.Limits{}); return err },
	}
	for suffix, decode := range decoders {
		vectors.Each(t, "invalid/*"+suffix, func(t *testing.T, stem string) {
			err := decode(vectors.Read(t, stem+suffix))
			switch {
			case vectors.Exists(stem + ".before.qtn"), vectors.Exists(stem+".manifest.qtn") && suffix == ".snapshot.qtn":
				if err != nil { // the defect shows only when it is applied, or put together
					t.Error(err)
				}
			case vectors.Exists(stem+".snapshot.qtn") && suffix == ".manifest.qtn":
				_, err = assemble(vectors.Decode[*qtn1.Manifest](t, stem+suffix), vectors.Read(t, stem+".snapshot.qtn"))
				vectors.Refused(t, err, stem)
			default:
				vectors.Refused(t, err, stem)
			}
		})
	}
}
