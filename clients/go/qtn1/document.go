package qtn1

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// Document is one of [*Snapshot], [*Manifest], [*Batch] and [*Delta].
type Document interface{ document() }

func (*Snapshot) document() {}
func (*Manifest) document() {}
func (*Batch) document()    {}
func (*Delta) document()    {}

const (
	flagSizes      = 1 // of a batch or delta: its columns have sizes
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

var (
	snapshotForm = form{[3]byte{1, 2, 3}, "QTN1:", flagSections, 8}
	manifestForm = form{[3]byte{1, 2, 6}, "QTN1:MANIFEST:", flagSections, 8}
	batchForm    = form{[3]byte{1, 2, 5}, "QTN1:BATCH:", flagSizes | flagVoidDigest | flagSections, 4}
	deltaForm    = form{[3]byte{1, 2, 4}, "QTN1:DELTA:", flagSizes | flagSections, 4}
)

// textForms has the snapshot's last: its prefix is the beginning of all others.
var textForms = []form{manifestForm, batchForm, deltaForm, snapshotForm}

// Decode reads a document of any kind.
func Decode(doc []byte, limits Limits) (Document, error) {
	var magic [magicSize]byte
	copy(magic[:], doc)
	switch magic {
	case manifestForm.magic:
		return asDocument(DecodeManifest(doc, limits))
	case batchForm.magic:
		return asDocument(DecodeBatch(doc, limits))
	case deltaForm.magic:
		return asDocument(DecodeDelta(doc, limits))
	}
	return asDocument(DecodeSnapshot(doc, limits)) // which says what is wrong with one of no kind
}

// asDocument keeps a nil pointer from becoming an interface that is not nil.
func asDocument[D Document](d D, err error) (Document, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Binary is the document that a text form holds ("QTN1:", "QTN1:DELTA:", "QTN1:BATCH:" or "QTN1:MANIFEST:", then
// base64). It looks at no more of it than whether the prefix fits.
func Binary(text string) ([]byte, error) {
	for _, form := range textForms {
		encoded, found := strings.CutPrefix(text, form.prefix)
		if !found {
			continue
		}
		doc, err := decodeBase64(encoded)
		if err != nil {
			err.Offset += len(form.prefix)
			return nil, err
		}
		if !bytes.HasPrefix(doc, form.magic[:]) {
			return nil, &Error{codeTextPrefix, 0}
		}
		return doc, nil
	}
	return nil, &Error{codeTextPrefix, 0}
}

func decodeBase64(encoded string) ([]byte, *Error) {
	if i := strings.IndexAny(encoded, "\r\n"); i >= 0 { // which the library would pass over
		return nil, &Error{codeBase64, i}
	}
	doc, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if corrupt, ok := err.(base64.CorruptInputError); ok {
		return nil, &Error{codeBase64, int(corrupt)}
	}
	return doc, nil
}

// open checks what encloses every document, in the order that the format gives: its length, its magic, its flags, its
// check; then it passes over the sections. The cursor is left on what follows and ends before the check.
func open(doc []byte, form form) (*cursor, byte, error) {
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

// sections passes over the ancillary sections; version 1 knows no critical one.
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
