// Package says writes what a QTN1 document says in the JSON of the published vectors: numbers that may pass 2^53 are
// decimal strings; names, paths, digests and epochs are hex.
package says

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"smarttree.example/smarttree/qtn1"
)

type row []any

type top struct {
	ID    uint32 `json:"id"`
	Path  string `json:"path"`
	Mode  uint16 `json:"mode"`
	Mtime string `json:"mtime_ns"`
}

type head struct {
	Document string `json:"document"`
	Epoch    string `json:"epoch"`
	Seq      string `json:"seq"`
	Top      top    `json:"top"`
	Digest   string `json:"digest"`
}

type snapshot struct {
	head
	Entries []row `json:"entries"`
}

type manifest struct {
	head
	Entries  int   `json:"entries"`
	Children int   `json:"children"`
	Chunks   []row `json:"chunks"`
}

type batch struct {
	Document string  `json:"document"`
	Epoch    string  `json:"epoch"`
	FromSeq  string  `json:"from_seq"`
	ToSeq    string  `json:"to_seq"`
	Digest   *string `json:"digest"`
	Records  []row   `json:"records"`
}

type delta struct {
	Document string `json:"document"`
	Records  []row  `json:"records"`
}

// Document is what a decoded document says, to be marshalled.
func Document(doc qtn1.Document) any {
	switch doc := doc.(type) {
	case *qtn1.Snapshot:
		entries := make([]qtn1.Entry, 0, len(doc.IDs))
		for _, entry := range doc.All() {
			entries = append(entries, entry)
		}
		return Snapshot(&doc.Header, entries)
	case *qtn1.Manifest:
		return tellManifest(doc)
	case *qtn1.Batch:
		return tellBatch(doc)
	case *qtn1.Delta:
		return delta{"delta", recordRows(doc.Records)}
	}
	return nil
}

// Snapshot is what a snapshot of these entries, in directory order, says.
func Snapshot(header *qtn1.Header, entries []qtn1.Entry) any {
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i] = row{e.ID, e.Parent, hexed(e.Name), e.Mode, unsigned(e.Size), signed(e.Mtime)}
	}
	return snapshot{tellHead("snapshot", header), rows}
}

func tellHead(document string, h *qtn1.Header) head {
	of := top{h.Top.ID, hexed(h.Top.Path), h.Top.Mode, signed(h.Top.Mtime)}
	return head{document, hex64(h.Epoch), unsigned(h.Seq), of, h.Digest.String()}
}

func tellManifest(m *qtn1.Manifest) any {
	chunks := make([]row, len(m.Chunks))
	for i, chunk := range m.Chunks {
		chunks[i] = row{chunk.Entries}
		for _, group := range chunk.Groups {
			chunks[i] = append(chunks[i], row{group.Address.String(), group.Stored})
		}
	}
	return manifest{tellHead("manifest", &m.Header), m.Entries, m.Children, chunks}
}

func tellBatch(b *qtn1.Batch) any {
	said := batch{"batch", hex64(b.Epoch), unsigned(b.FromSeq), unsigned(b.ToSeq), nil, recordRows(b.Records)}
	if !b.Void {
		digest := hex64(b.Digest)
		said.Digest = &digest
	}
	return said
}

func recordRows(records []qtn1.Record) []row {
	rows := make([]row, len(records))
	for i, r := range records {
		said := row{r.ID, r.Mask, nil, nil, nil, nil, nil}
		if r.Mask.Has(qtn1.MaskPlace) {
			said[2], said[3] = r.Parent, hexed(r.Name)
		}
		if r.Mask.Has(qtn1.MaskMode) {
			said[4] = r.Mode
		}
		if r.Mask.Has(qtn1.MaskSize) {
			said[5] = unsigned(r.Size)
		}
		if r.Mask.Has(qtn1.MaskMtime) {
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
