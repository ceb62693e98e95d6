package smarttree

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"smarttree.example/smarttree/internal/eventstream"
	"smarttree.example/smarttree/qtn1"
	"smarttree.example/smarttree/tree"
)

// keeper keeps a replica up with a stream, and begins anew where that can't go on. It is used by one goroutine.
type keeper struct {
	client    *Client
	part      Query
	publish   func(context.Context, Update)
	follower  follower
	replica   tree.Replica
	hasTree   bool
	wantsFull bool     // a group could not be had: the next tree is asked for as a whole
	why       string   // the tree is to be replaced
	documents [][]byte // the last snapshots, whose groups need not be fetched again
}

func (k *keeper) run(ctx context.Context) error {
	k.wantsFull = true
	k.follower = k.client.follow(k.query, k.take)
	return k.follower.run(ctx)
}

func (k *keeper) query() url.Values {
	query := Query{Events: []string{"tree", "quantum"}, Mode: "quantum", Tree: "manifest"}
	if k.wantsFull {
		query.Tree = "full"
	}
	values := query.values()
	k.part.setPart(values)
	return values
}

// stale is what can't go on: the connection is given up, and made again without a clock.
type stale struct {
	why string
	error
}

func (s stale) Unwrap() error { return s.error }

func (k *keeper) take(ctx context.Context, batch eventstream.Batch) error {
	err := k.step(ctx, batch)
	var given stale
	if errors.As(err, &given) {
		k.why, k.follower.clock = given.why, ""
		k.follower.wrong++
	}
	return err
}

func (k *keeper) step(ctx context.Context, batch eventstream.Batch) error {
	var trees []Tree
	for _, frame := range batch.Events {
		if frame.Event != "tree" {
			continue
		}
		told, err := eventOf(frame).Tree()
		if err != nil {
			return stale{Damaged, err}
		}
		if err := checkProtocol(told.Protocol); err != nil {
			return final{err}
		}
		trees = append(trees, *told)
	}
	if len(trees) > 0 {
		return k.replace(ctx, batch.Clock, trees)
	}
	if !k.hasTree {
		return stale{Gap, errors.New("a batch came before a tree")}
	}
	for _, frame := range batch.Events {
		if frame.Event != "quantum" {
			continue
		}
		if err := k.apply(ctx, batch.Clock, frame.Data); err != nil {
			return err
		}
	}
	k.replica.Moved(batch.Clock)
	k.publish(ctx, Update{Tree: k.replica.Tree()})
	return nil
}

func (k *keeper) apply(ctx context.Context, clock, text string) error {
	doc, err := qtn1.Binary(text)
	if err != nil {
		return stale{Damaged, err}
	}
	batch, err := qtn1.DecodeBatch(doc, qtn1.Limits{})
	if err != nil {
		return stale{Damaged, err}
	}
	applied, err := k.replica.Apply(clock, batch)
	switch {
	case errors.Is(err, tree.ErrEpoch):
		return stale{Epoch, err}
	case errors.Is(err, tree.ErrGap):
		return stale{Gap, err}
	case errors.Is(err, tree.ErrDigest):
		return stale{Digest, err}
	case err != nil:
		return stale{Damaged, err}
	}
	if applied {
		k.follower.wrong = 0
		k.publish(ctx, Update{Tree: k.replica.Tree()})
	}
	return nil
}

// replace takes the trees of an opening in place of everything.
func (k *keeper) replace(ctx context.Context, clock string, told []Tree) error {
	o := opening{client: k.client, held: k.documents}
	snapshots := make([]*qtn1.Snapshot, len(told))
	for i := range told {
		var err error
		if snapshots[i], err = o.snapshot(ctx, &told[i]); err != nil {
			k.wantsFull = k.wantsFull || o.groupMissing
			return err
		}
	}
	if err := k.replica.Load(clock, snapshots...); err != nil {
		return stale{Damaged, err}
	}
	why := k.why
	switch {
	case !k.hasTree:
		why = Initial
	case why == "":
		why = Server
	}
	k.hasTree, k.wantsFull, k.why, k.documents = true, false, "", o.documents
	k.publish(ctx, Update{Tree: k.replica.Tree(), Rebased: why, Fetched: o.fetched})
	return nil
}

// checkDigest holds a snapshot against the digest that was told with it.
func checkDigest(told *Tree, s *qtn1.Snapshot) error {
	if told.Digest != nil && *told.Digest != s.Digest.String() {
		return stale{Digest, fmt.Errorf("the tree of %s has another digest than was told", told.Path)}
	}
	return nil
}
