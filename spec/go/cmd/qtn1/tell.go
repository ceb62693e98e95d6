package main

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"smarttree.example/qtn1"
)

// What a document says, in the JSON of the vectors: numbers that may pass 2^53 are decimal strings; names and paths are
// hex; so are digests and epochs.

type row []any

type topJSON struct {
	ID    uint32 `json:"id"`
	Path  string `json:"path"`
	Mode  uint16 `json:"mode"`
	Mtime string `json:"mtime_ns"`
}

type headJSON struct {
	Document string  `json:"document"`
	Epoch    string  `json:"epoch"`
	Seq      string  `json:"seq"`
	Top      topJSON `json:"top"`
	Digest   string  `json:"digest"`
}

type snapshotJSON struct {
	headJSON
	Entries []row `json:"entries"`
}

type manifestJSON struct {
	headJSON
	Entries  int   `json:"entries"`
	Children int   `json:"children"`
	Chunks   []row `json:"chunks"`
}

type batchJSON struct {
	Document string  `json:"document"`
	Epoch    string  `json:"epoch"`
	FromSeq  string  `json:"from_seq"`
	ToSeq    string  `json:"to_seq"`
	Digest   *string `json:"digest"`
	Records  []row   `json:"records"`
}

type deltaJSON struct {
	Document string `json:"document"`
	Records  []row  `json:"records"`
}

// tell decodes a document of a kind.
func tell(kind qtn1.Kind, doc []byte) (any, error) {
	switch kind {
	case qtn1.KindSnapshot:
		snapshot, err := qtn1.DecodeSnapshot(doc, qtn1.Options{})
		if err != nil {
			return nil, err
		}
		return tellSnapshot(snapshot), nil
	case qtn1.KindManifest:
		manifest, err := qtn1.DecodeManifest(doc, qtn1.Options{})
		if err != nil {
			return nil, err
		}
		return tellManifest(manifest), nil
	case qtn1.KindBatch:
		batch, err := qtn1.DecodeBatch(doc, qtn1.Options{})
		if err != nil {
			return nil, err
		}
		return tellBatch(batch), nil
	default:
		delta, err := qtn1.DecodeDelta(doc, qtn1.Options{})
		if err != nil {
			return nil, err
		}
		return deltaJSON{"delta", recordRows(delta.Records)}, nil
	}
}

func tellSnapshot(s *qtn1.Snapshot) any {
	return snapshotJSON{tellHead("snapshot", &s.Header), entryRows(s.Entries)}
}

func tellHead(document string, h *qtn1.Header) headJSON {
	top := topJSON{h.Top.ID, hexed(h.Top.Path), h.Top.Mode, signed(h.Top.Mtime)}
	return headJSON{document, hex64(h.Epoch), unsigned(h.Seq), top, h.Digest.String()}
}

func tellManifest(m *qtn1.Manifest) any {
	chunks := make([]row, len(m.Chunks))
	for i, chunk := range m.Chunks {
		chunks[i] = row{chunk.Entries}
		for _, group := range chunk.Groups {
			chunks[i] = append(chunks[i], row{group.Address.String(), group.Stored})
		}
	}
	return manifestJSON{tellHead("manifest", &m.Header), m.Entries, m.Children, chunks}
}

func tellBatch(b *qtn1.Batch) any {
	said := batchJSON{"batch", hex64(b.Epoch), unsigned(b.FromSeq), unsigned(b.ToSeq), nil, recordRows(b.Records)}
	if !b.Void {
		digest := hex64(b.Digest)
		said.Digest = &digest
	}
	return said
}

func entryRows(entries []qtn1.Entry) []row {
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i] = row{e.ID, e.Parent, hexed(e.Name), e.Mode, unsigned(e.Size), signed(e.Mtime)}
	}
	return rows
}

func recordRows(records []qtn1.Record) []row {
	rows := make([]row, len(records))
	for i, r := range records {
		said := row{r.ID, r.Mask, nil, nil, nil, nil, nil}
		if r.Has(qtn1.MaskPlace) {
			said[2], said[3] = r.Parent, hexed(r.Name)
		}
		if r.Has(qtn1.MaskMode) {
			said[4] = r.Mode
		}
		if r.Has(qtn1.MaskSize) {
			said[5] = unsigned(r.Size)
		}
		if r.Has(qtn1.MaskMtime) {
			said[6] = signed(r.Mtime)
		}
		rows[i] = said
	}
	return rows
}

func hexed(name string) string { return hex.EncodeToString([]byte(name)) }
func hex64(v uint64) string    { return fmt.Sprintf("%016x", v) }
func unsigned(v uint64) string { return strconv.FormatUint(v, 10) }
func signed(v int64) string    { return strconv.FormatInt(v, 10) }
