package qtn1

import (
	"bytes"
	"encoding/binary"
)

// Kind tells the four documents apart.
type Kind int

// The documents.
const (
	KindSnapshot Kind = iota
	KindManifest
	KindBatch
	KindDelta
)

const (
	flagColumns    = 1 // of a batch or delta: its columns have sizes
	flagVoidDigest = 2 // of a batch
	flagSections   = 4

	magicSize = 3
)

// form is what is fixed about a kind of document.
type form struct {
	magic     [magicSize]byte
	prefix    string // of its text form
	flags     byte   // those it may have
	checkSize int
}

var forms = [...]form{
	KindSnapshot: {[3]byte{1, 2, 3}, "QTN1:", flagSections, 8},
	KindManifest: {[3]byte{1, 2, 6}, "QTN1:MANIFEST:", flagSections, 8},
	KindBatch:    {[3]byte{1, 2, 5}, "QTN1:BATCH:", flagColumns | flagVoidDigest | flagSections, 4},
	KindDelta:    {[3]byte{1, 2, 4}, "QTN1:DELTA:", flagColumns | flagSections, 4},
}

// KindOf says by its first bytes what doc is.
func KindOf(doc []byte) (Kind, error) {
	for kind, form := range forms {
		if bytes.HasPrefix(doc, form.magic[:]) {
			return Kind(kind), nil
		}
	}
	if len(doc) < magicSize+1+forms[KindDelta].checkSize {
		return 0, &Error{codeTruncated, len(doc)}
	}
	return 0, &Error{codeMagic, 0}
}

// open checks what encloses every document, in the order of section 3: its length, its magic, its flags, its check;
// then it passes over the sections. The cursor is left on what follows and ends before the check.
func open(doc []byte, kind Kind) (*cursor, byte, error) {
	form := forms[kind]
	end := len(doc) - form.checkSize
	if end < magicSize+1 {
		return nil, 0, &Error{codeTruncated, len(doc)}
	}
	if !bytes.HasPrefix(doc, form.magic[:]) {
		return nil, 0, &Error{codeMagic, 0}
	}
	flags := doc[magicSize]
	if flags&^form.flags != 0 {
		return nil, 0, &Error{codeUnknownVersion, magicSize}
	}
	if !bytes.Equal(doc[end:], check(doc[:end], form.checkSize)) {
		return nil, 0, &Error{codeCheck, end}
	}
	c := &cursor{data: doc[:end], pos: magicSize + 1}
	if flags&flagSections != 0 {
		if err := c.sections(); err != nil {
			return nil, 0, err
		}
	}
	return c, flags, nil
}

func check(data []byte, size int) []byte {
	return binary.LittleEndian.AppendUint64(nil, xxh64(data, 0))[:size]
}

// sections passes over the sections (section 7): version 1 knows none of them, so a critical one is refused.
func (c *cursor) sections() error {
	for previous := uint64(0); ; {
		tag, err := c.varint()
		if err != nil {
			return err
		}
		if tag == 0 && previous > 0 {
			return nil
		}
		if tag <= previous || tag%2 == 0 {
			return c.fail(codeSection)
		}
		size, err := c.varint()
		if err != nil {
			return err
		}
		if _, err := c.take(size); err != nil {
			return err
		}
		previous = tag
	}
}
