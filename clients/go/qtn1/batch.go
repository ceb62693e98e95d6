package qtn1

import (
	"math"
)

// Batch is every change between two clocks.
type Batch struct {
	Epoch   uint64
	FromSeq uint64
	ToSeq   uint64
	Digest  uint64 // the low half of the service's digest after it
	Void    bool   // there is no digest: the receiver sees a selection that has none
	Records []Record
}

// Delta is one change, without a clock.
type Delta struct {
	Records []Record
}

// DecodeBatch reads a batch.
func DecodeBatch(doc []byte, limits Limits) (*Batch, error) {
	c, flags, err := open(doc, batchForm)
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
	if b.Digest, err = c.u64(); err != nil {
		return nil, err
	}
	if b.Void && b.Digest != 0 {
		return nil, c.fail(codeVoidDigest)
	}
	b.Records, err = c.records(flags, limits)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// DecodeDelta reads a delta.
func DecodeDelta(doc []byte, limits Limits) (*Delta, error) {
	c, flags, err := open(doc, deltaForm)
	if err != nil {
		return nil, err
	}
	records, err := c.records(flags, limits)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, c.fail(codeEmptyDelta)
	}
	return &Delta{records}, nil
}
