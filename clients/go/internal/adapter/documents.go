package main

import (
	"errors"

	"smarttree.example/smarttree/internal/eventstream"
	"smarttree.example/smarttree/internal/glob"
	"smarttree.example/smarttree/internal/says"
	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

func matches(pattern, path string) bool { return glob.Compile(pattern).Match(path) }

// document answers what is asked of documents, and of the parser.
func document(r *request) any {
	answer, err := object{}, error(nil)
	switch r.Do {
	case "decode":
		var doc qtn1.Document
		doc, err = qtn1.Decode(r.Document, qtn1.Limits{})
		answer["says"] = says.Document(doc)
	case "text":
		answer["document"], err = qtn1.Binary(r.Text)
	case "apply":
		answer["says"], err = apply(r.Before, r.Change)
	case "assemble":
		answer["document"], err = assemble(r.Manifest, r.Groups)
	case "parse":
		return parse(r.Pieces)
	default:
		return object{"failed": "no such request: " + r.Do}
	}
	if err != nil {
		return refusal(err)
	}
	return answer
}

func refusal(err error) object {
	var defect *qtn1.Error
	switch {
	case errors.As(err, &defect):
		return object{"refused": defect.Code, "offset": defect.Offset}
	case errors.Is(err, tree.ErrDigest):
		return object{"refused": "digest", "offset": 0}
	}
	return object{"failed": err.Error()}
}

func apply(before, change []byte) (any, error) {
	snapshot, err := qtn1.DecodeSnapshot(before, qtn1.Limits{})
	if err != nil {
		return nil, err
	}
	doc, err := qtn1.Decode(change, qtn1.Limits{})
	if err != nil {
		return nil, err
	}
	var replica tree.Replica
	if err := replica.Load("", snapshot); err != nil {
		return nil, err
	}
	switch doc := doc.(type) {
	case *qtn1.Batch:
		_, err = replica.Apply("", doc)
	case *qtn1.Delta:
		err = replica.ApplyDelta(doc)
	default:
		err = &qtn1.Error{Code: "magic"}
	}
	if err != nil {
		return nil, err
	}
	return snapshotOf(replica.Tree(), snapshot.Top.ID)
}

// snapshotOf is what a snapshot of one root says.
func snapshotOf(of *tree.Tree, id uint32) (any, error) {
	for root := range of.Roots() {
		if root.ID != id {
			continue
		}
		entries := directoryOrder(of, root.Name, nil)
		header := qtn1.Header{Epoch: of.Epoch(), Seq: of.Seq(), Entries: len(entries)}
		header.Top = qtn1.Top{ID: root.ID, Path: root.Name, Mode: root.Mode, Mtime: root.Mtime}
		header.Digest, _ = of.DigestOf(root.Name)
		return says.Snapshot(&header, entries), nil
	}
	return nil, errors.New("the top entry is gone")
}

// directoryOrder is the children of a directory, then everything below each of them.
func directoryOrder(of *tree.Tree, path string, entries []qtn1.Entry) []qtn1.Entry {
	first := len(entries)
	for child := range of.Children(path) {
		entries = append(entries, child)
	}
	for _, child := range entries[first:] {
		if child.IsDirectory() {
			entries = directoryOrder(of, tree.Join(path, child.Name), entries)
		}
	}
	return entries
}

func assemble(doc []byte, groups [][]byte) ([]byte, error) {
	manifest, err := qtn1.DecodeManifest(doc, qtn1.Limits{})
	if err != nil {
		return nil, err
	}
	return manifest.Assemble(func(qtn1.Group) (next []byte, err error) {
		if len(groups) > 0 {
			next, groups = groups[0], groups[1:]
		}
		return next, nil
	})
}

func parse(pieces [][]byte) any {
	parser := eventstream.Parser{MaxEventBytes: 256 << 20}
	events := []object{}
	for _, piece := range pieces {
		err := parser.Feed(piece, func(f eventstream.Frame) error {
			if f.HasData {
				events = append(events, object{"event": f.Event, "data": f.Data, "id": f.ID})
			}
			return nil
		})
		if err != nil {
			return object{"failed": err.Error()}
		}
	}
	answer := object{"events": events, "id": parser.LastID(), "retry": nil}
	if ms, told := parser.Retry(); told {
		answer["retry"] = ms
	}
	return answer
}
