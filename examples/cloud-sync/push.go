package main

import (
	"context"
	"fmt"
	"log"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/qtn1"
)

// pusher writes what a server tells. A batch is in the bucket before the next one is taken, and the place to resume
// from is in the bucket alone: so it can be stopped, or killed, at any moment.
type pusher struct {
	store        *store
	client       *smarttree.Client
	compactAfter int

	generation int      // the newest; 0 before the first
	batches    int      // of it
	trees      []string // told, and not written before their message comes
	quantum    string   // likewise
}

func push(ctx context.Context, s *store, server string, compactAfter int) error {
	p := &pusher{store: s, compactAfter: compactAfter}
	since, err := p.resume(ctx)
	if err != nil {
		return err
	}
	if p.client, err = connect(ctx, server, since); err != nil {
		return err
	}
	defer p.client.Close()
	err = p.follow(ctx)
	if ctx.Err() != nil {
		return nil // as it was told to
	}
	return err
}

func (p *pusher) follow(ctx context.Context) error {
	for event := range p.client.Events() {
		if err := p.take(ctx, event); err != nil {
			return err
		}
	}
	return p.client.Err()
}

// resume finds the newest generation, and the clock that it leads to.
func (p *pusher) resume(ctx context.Context) (since string, err error) {
	all, err := p.store.generations(ctx)
	if err != nil {
		return "", err
	}
	if len(all) > 0 {
		p.generation = all[len(all)-1].number
	}
	last := newest(all)
	if last == nil {
		return "", nil
	}
	p.generation, p.batches = last.number, len(last.batches)
	restored, err := restore(ctx, p.store)
	if err != nil {
		log.Printf("what is in the bucket is of no use, beginning anew: %v", err)
		return "", nil
	}
	return restored.Clock(), nil
}

// take keeps what a batch has until its message, which comes last, and then writes it.
func (p *pusher) take(ctx context.Context, event smarttree.Event) error {
	switch event.Type {
	case "tree":
		told, err := event.Tree()
		if err != nil {
			return err
		}
		p.trees = append(p.trees, told.Compressed)
	case "quantum":
		p.quantum = event.Data
	case "message":
		said, err := event.Message()
		if err != nil {
			return err
		}
		at := place{clock: event.Clock}
		if said.Digest != nil {
			at.digest = *said.Digest
		}
		return p.write(ctx, at)
	}
	return nil
}

func (p *pusher) write(ctx context.Context, at place) error {
	trees, quantum := p.trees, p.quantum
	p.trees, p.quantum = nil, ""
	switch {
	case len(trees) > 0: // the first time, and whenever the server can't lead on from where we are
		return p.begin(ctx, &base{trees}, at)
	case quantum != "":
		if err := p.pushDelta(ctx, quantum, at); err != nil {
			return err
		}
	}
	if p.batches >= p.compactAfter {
		return p.compact(ctx)
	}
	return nil
}

// pushDelta writes a batch.
func (p *pusher) pushDelta(ctx context.Context, text string, at place) error {
	doc, err := qtn1.Binary(text)
	if err != nil {
		return err
	}
	batch, err := qtn1.DecodeBatch(doc, qtn1.Limits{})
	if err != nil {
		return err
	}
	name := p.store.batchName(p.generation, batch.ToSeq)
	if err := p.store.put(ctx, name, "application/vnd.smarttree.qtn1", doc, at); err != nil {
		return err
	}
	p.batches++
	return nil
}

// begin begins a generation; those before it are then of no use.
func (p *pusher) begin(ctx context.Context, b *base, at place) error {
	next := p.generation + 1
	if err := p.store.putBase(ctx, next, b, at); err != nil {
		return err
	}
	p.generation, p.batches = next, 0
	log.Printf("generation %d begins at %s", next, at.clock)
	all, err := p.store.generations(ctx)
	if err != nil {
		return err
	}
	for _, g := range all {
		if g.number >= next {
			break
		}
		if err := p.store.drop(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

const compactTries = 3

// compact begins a generation with the tree as the server has it now. That may be newer than the last batch: those in
// between will come, and are passed over when the tree is restored. Where the roots' trees are of different clocks each
// time, it is left for later.
func (p *pusher) compact(ctx context.Context) error {
	for range compactTries {
		b, at, err := p.fetch(ctx)
		if err != nil {
			return fmt.Errorf("compacting: %w", err)
		}
		if b != nil {
			return p.begin(ctx, b, at)
		}
	}
	p.batches = 0
	return nil
}

// fetch is the trees of all roots; none where they are not of one clock.
func (p *pusher) fetch(ctx context.Context) (*base, place, error) {
	watch, err := p.client.Watch(ctx)
	if err != nil {
		return nil, place{}, err
	}
	b, at := &base{}, place{}
	for _, root := range watch.Roots {
		told, err := p.client.Tree(ctx, smarttree.TreeQuery{Path: root.Path})
		if err != nil {
			return nil, at, err
		}
		if at.clock != "" && at.clock != told.Clock {
			return nil, at, nil
		}
		at.clock = told.Clock
		b.Trees = append(b.Trees, told.Compressed)
	}
	return b, at, nil
}
