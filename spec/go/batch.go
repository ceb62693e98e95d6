package qtn1

import (
	"encoding/binary"
	"errors"
	"math"
)

// Batch is every change between two clocks (section 5).
type Batch struct {
	Epoch   uint64
	FromSeq uint64
	ToSeq   uint64
	Digest  uint64 // the low 64 bits of the digest after it
	Void    bool   // the receiver sees a selection that has no digest
	Records []Record
}

// Delta is one change.
type Delta struct {
	Records []Record
}

// ErrFetchAnew says that a batch is not the next one of this tree, or did not lead where it should.
var ErrFetchAnew = errors.New("qtn1: the tree must be fetched anew")

// DecodeBatch reads a batch.
func DecodeBatch(doc []byte, options Options) (*Batch, error) {
	c, flags, err := open(doc, KindBatch)
	if err != nil {
		return nil, err
	}
	b := &Batch{Void: flags&flagVoidDigest != 0}
	if b.Epoch, err = c.u64(); err != nil {
		return nil, err
	}
	if b.FromSeq, err = c.varint(); err != nil {
		return nil, err
	}
	distance, err := c.varintUpTo(math.MaxUint64-b.FromSeq, codeClock)
	if err != nil {
		return nil, err
	}
	if distance == 0 {
		return nil, c.fail(codeClock)
	}
	b.ToSeq = b.FromSeq + distance
	digest, err := c.take(8)
	if err != nil {
		return nil, err
	}
	b.Digest = binary.LittleEndian.Uint64(digest)
	if b.Void && b.Digest != 0 {
		return nil, c.fail(codeVoidDigest)
	}
	b.Records, err = c.records(flags, options)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// DecodeDelta reads a delta.
func DecodeDelta(doc []byte, options Options) (*Delta, error) {
	c, flags, err := open(doc, KindDelta)
	if err != nil {
		return nil, err
	}
	records, err := c.records(flags, options)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, c.fail(codeEmptyDelta)
	}
	return &Delta{records}, nil
}

// ApplyBatch is what a receiver at the snapshot's clock has after a batch. One that is over already changes nothing.
// ErrFetchAnew: the batch is of another epoch, or begins after the snapshot's clock, or the digest differs
// after it.
func ApplyBatch(s *Snapshot, b *Batch) (*Snapshot, error) {
	switch {
	case b.Epoch != s.Epoch:
		return nil, ErrFetchAnew
	case b.ToSeq <= s.Seq:
		return s, nil
	case b.FromSeq > s.Seq:
		return nil, ErrFetchAnew
	}
	tree, err := NewTree(s).Apply(b.Records)
	if err != nil {
		return nil, err
	}
	after, err := tree.Snapshot(b.Epoch, b.ToSeq)
	if err != nil {
		return nil, err
	}
	service := ServiceDigest(map[string]Hash128{after.Top.Path: after.Digest})
	if !b.Void && b.Digest != after.Digest.Lo && b.Digest != service.Lo {
		return nil, ErrFetchAnew
	}
	return after, nil
}

// ApplyDelta is the snapshot after a delta, which knows of no clock: that of the snapshot stays.
func ApplyDelta(s *Snapshot, d *Delta) (*Snapshot, error) {
	tree, err := NewTree(s).Apply(d.Records)
	if err != nil {
		return nil, err
	}
	return tree.Snapshot(s.Epoch, s.Seq)
}
