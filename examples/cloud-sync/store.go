package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/qtn1"
)

// store is what lies in the bucket. A generation is a base, and batches that lead on from it:
//
//	PREFIX/GENERATION/base.json        the trees of one clock, a root each
//	PREFIX/GENERATION/SEQ.qtn          a batch, by the number that it leads to
//
// Each object has the clock that it leads to, and the digest there, in its metadata. Names sort as what they are of, so
// a listing is in order; writing an object again writes the same again; and a base is written as a whole or not at all.
type store struct {
	client         *minio.Client
	bucket, prefix string
}

// generation is one of the store's, as it was listed.
type generation struct {
	number  int
	hasBase bool
	batches []string // names of objects, in order
}

// place is where something leads.
type place struct{ clock, digest string }

const (
	clockKey  = "Smarttree-Clock" // of an object's metadata
	digestKey = "Smarttree-Digest"
)

// base is the trees of one clock, as the server tells them.
type base struct {
	Trees []string `json:"trees"` // QTN1:…
}

func (b *base) snapshots() (snapshots []*qtn1.Snapshot, err error) {
	for _, text := range b.Trees {
		doc, err := smarttree.Decompress(text)
		if err != nil {
			return nil, err
		}
		snapshot, ok := doc.(*qtn1.Snapshot)
		if !ok {
			return nil, fmt.Errorf("a base of what is no tree: %T", doc)
		}
		snapshots = append(snapshots, snapshot)
	}
	return snapshots, nil
}

func (s *store) folder(generation int) string { return fmt.Sprintf("%s/%08d/", s.prefix, generation) }

func (s *store) baseName(generation int) string { return s.folder(generation) + "base.json" }

func (s *store) batchName(generation int, seq uint64) string {
	return fmt.Sprintf("%s%020d.qtn", s.folder(generation), seq)
}

// generations is all that is there, the oldest first.
func (s *store) generations(ctx context.Context) (all []generation, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listed := minio.ListObjectsOptions{Prefix: s.prefix + "/", Recursive: true}
	for object := range s.client.ListObjects(ctx, s.bucket, listed) {
		if object.Err != nil {
			return nil, object.Err
		}
		var number int
		rest := strings.TrimPrefix(object.Key, s.prefix+"/")
		if _, err := fmt.Sscanf(rest, "%08d/", &number); err != nil {
			continue // not ours
		}
		if len(all) == 0 || all[len(all)-1].number != number {
			all = append(all, generation{number: number})
		}
		last := &all[len(all)-1]
		if path.Base(object.Key) == "base.json" {
			last.hasBase = true
		} else {
			last.batches = append(last.batches, object.Key)
		}
	}
	return all, nil
}

// newest is the newest generation that has a base; nil if none has.
func newest(all []generation) *generation {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].hasBase {
			return &all[i]
		}
	}
	return nil
}

func (s *store) putBase(ctx context.Context, generation int, b *base, at place) error {
	content, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return s.put(ctx, s.baseName(generation), "application/json", content, at)
}

func (s *store) getBase(ctx context.Context, generation int) (*base, place, error) {
	content, at, err := s.get(ctx, s.baseName(generation))
	if err != nil {
		return nil, at, err
	}
	b := &base{}
	return b, at, json.Unmarshal(content, b)
}

func (s *store) put(ctx context.Context, name, kind string, content []byte, at place) error {
	_, err := s.client.PutObject(ctx, s.bucket, name, bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{ContentType: kind, UserMetadata: map[string]string{clockKey: at.clock, digestKey: at.digest}})
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (s *store) get(ctx context.Context, name string) (content []byte, at place, err error) {
	object, err := s.client.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return nil, at, fmt.Errorf("reading %s: %w", name, err)
	}
	defer object.Close()
	if content, err = io.ReadAll(object); err != nil {
		return nil, at, fmt.Errorf("reading %s: %w", name, err)
	}
	told, err := object.Stat()
	return content, place{told.UserMetadata[clockKey], told.UserMetadata[digestKey]}, err
}

// drop removes a generation: its base last, so that what is left of it is never taken for one that is whole.
func (s *store) drop(ctx context.Context, g generation) error {
	for _, name := range append(g.batches, s.baseName(g.number)) {
		if err := s.client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	return nil
}
