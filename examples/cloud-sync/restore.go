package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

var errNothing = errors.New("there is nothing to restore from")

// restore makes the tree of the newest base and of the batches after it. Each batch's own digest is checked as it is
// applied, and the one that the server told of the whole at the end.
func restore(ctx context.Context, s *store) (*tree.Tree, error) {
	all, err := s.generations(ctx)
	if err != nil {
		return nil, err
	}
	from := newest(all)
	if from == nil {
		return nil, errNothing
	}
	b, at, err := s.getBase(ctx, from.number)
	if err != nil {
		return nil, err
	}
	snapshots, err := b.snapshots()
	if err != nil {
		return nil, err
	}
	var replica tree.Replica
	if err := replica.Load(at.clock, snapshots...); err != nil {
		return nil, err
	}
	for _, name := range from.batches {
		doc, after, err := s.get(ctx, name)
		if err != nil {
			return nil, err
		}
		batch, err := qtn1.DecodeBatch(doc, qtn1.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		applied, err := replica.Apply(after.clock, batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if applied { // else the base was newer
			at = after
		}
	}
	if digest := replica.Tree().Digest().String(); at.digest != "" && at.digest != digest {
		return nil, fmt.Errorf("the tree at %s has the digest %s, not %s", at.clock, digest, at.digest)
	}
	return replica.Tree(), nil
}

// list restores the tree and prints it: mode, size, time and path of each entry, and at last what it is of.
func list(ctx context.Context, s *store, out io.Writer) error {
	restored, err := restore(ctx, s)
	if err != nil {
		return err
	}
	lines := bufio.NewWriter(out)
	for path, entry := range restored.All() {
		modified := entry.ModTime().UTC().Format("2006-01-02T15:04:05.000000000Z")
		fmt.Fprintf(lines, "%v %12d %s %q\n", entry.FileMode(), entry.Size, modified, path)
	}
	fmt.Fprintf(lines, "%d entries at %s, digest %s\n", restored.Len(), restored.Clock(), restored.Digest())
	return lines.Flush()
}
