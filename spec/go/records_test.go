package qtn1

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"reflect"
	"testing"
)

// plainColumns writes records, as the ten columns of a body.
func plainColumns(records []Record) (c [10][]byte) {
	var id, parent, mtime int64
	var sizes bitWriter
	id = -1
	for i, r := range records {
		if i == 0 {
			id = 0
		}
		c[0] = append(c[0], uvarints(uint64(int64(r.ID)-id))...)
		id = int64(r.ID) + 1
		c[1] = append(c[1], r.Mask)
		if r.Has(MaskPlace) {
			c[2] = append(c[2], zigzags(int64(r.Parent)-parent)...)
			parent = int64(r.Parent)
			c[3] = append(c[3], 0)
			c[4] = append(append(c[4], r.Name...), 0)
		}
		if r.Has(MaskMode) {
			c[5] = append(c[5], uvarints(uint64(r.Mode))...)
		}
		if r.Has(MaskSize) {
			c[6] = append(c[6], byte(bits.Len64(r.Size)))
			sizes.put(r.Size)
		}
		if r.Has(MaskMtime) {
			c[8] = []byte{0}
			c[9] = append(c[9], zigzags(r.Mtime-mtime)...)
			mtime = r.Mtime
		}
	}
	c[7] = sizes.data
	return c
}

func plainBody(count int, columns [10][]byte, sized, packed bool) []byte {
	body := uvarints(uint64(count))
	for _, raw := range columns {
		if sized {
			raw = packedColumn(raw, packed)
		}
		body = append(body, raw...)
	}
	return body
}

func someRecords() []Record {
	return []Record{
		{ID: 1, Mask: MaskMtime, Mtime: 5},
		{ID: 2, Mask: MaskDeleted},
		{ID: 3, Mask: MaskPlace, Parent: 30, Name: "moved"},
		{ID: 12, Mask: MaskSize | MaskMtime, Size: 1 << 40, Mtime: -9},
		{ID: 77, Mask: maskAll, Parent: 30, Name: "movee", Mode: fileMode, Size: 3, Mtime: 4},
		{ID: 78, Mask: maskAll, Parent: 0, Name: "/other/root", Mode: directoryMode, Mtime: 4},
	}
}

func TestRecordsInEveryForm(t *testing.T) {
	for _, packed := range []bool{false, true} {
		for _, flags := range []byte{0, flagColumns} {
			columns := plainColumns(someRecords())
			doc := closed(KindDelta, flags, plainBody(6, columns, flags != 0, packed))
			delta, err := DecodeDelta(doc, Options{})
			if err != nil || !reflect.DeepEqual(delta.Records, someRecords()) {
				t.Errorf("flags %d: %v, %v", flags, delta, err)
			}
			damageBody(t, KindDelta, flags, doc)
		}
	}
}

func damageBody(t *testing.T, kind Kind, flags byte, doc []byte) {
	body := doc[4 : len(doc)-4]
	for i := range body {
		for _, flip := range []byte{1, 2, 0x40, 0x80, 0xFF} {
			damaged := append([]byte{}, body...)
			damaged[i] ^= flip
			_, err := DecodeDelta(closed(kind, flags, damaged), Options{})
			if _, defect := err.(*Error); err != nil && !defect {
				t.Error(err)
			}
		}
		if _, err := DecodeDelta(closed(kind, flags, body[:i]), Options{}); err == nil {
			t.Errorf("cut off at %d it is taken", i)
		}
	}
}

func TestRecordDefects(t *testing.T) {
	type columns = [10][]byte
	set := func(number int, data ...byte) func(*columns) { return func(c *columns) { c[number] = data } }
	for i, defect := range []struct {
		code string
		make func(*columns)
	}{
		{codeIDRange, func(c *columns) { c[0][0] = 0 }},
		{codeIDRange, set(0, append(uvarints(49_999_995), 0, 0, 0, 0, 1)...)},
		{codeMask, func(c *columns) { c[1][0] = 0 }},
		{codeMask, func(c *columns) { c[1][1] = 3 }},
		{codeMask, func(c *columns) { c[1][1] = 32 }},
		{codeTruncated, func(c *columns) { c[1] = c[1][:5] }},
		{codeBytesLeftOver, func(c *columns) { c[1] = append(c[1], 2) }},
		{codeIDRange, set(2, zigzags(-1, 0, 0)...)},
		{codeNamePrefix, set(3, 1, 0, 0)},
		{codeNamePrefix, set(3, 0, 6, 0)},
		{codeName, set(4, []byte("a\x00b\x00c\x00")...)},
		{codeName, set(4, []byte("a/b\x00b\x00/c\x00")...)},
		{codeName, set(4, []byte("a\x00b\x00/c/..\x00")...)},
		{codePathTooLong, set(4, append([]byte("a\x00b\x00"), append(bytes.Repeat([]byte("/aaa"), 1<<14), 0)...)...)},
		{codeMode, set(5, uvarints(0x10000, directoryMode)...)},
		{codeSizeWidth, func(c *columns) { c[6][0] = 64 }},
		{codeSizePadding, func(c *columns) { c[7][5] |= 0x80 }},
		{codeTimeTable, func(c *columns) { c[8][0] = 5 }},
		{codeTimeIndex, set(8, 1, 0)},
		{codeBytesLeftOver, func(c *columns) { c[9] = append(c[9], 0) }},
	} {
		c := plainColumns(someRecords())
		defect.make(&c)
		_, err := DecodeDelta(closed(KindDelta, flagColumns, plainBody(6, c, true, false)), Options{})
		t.Run(fmt.Sprint(i), func(t *testing.T) { refused(t, err, defect.code) })
	}
}

func batchBody(from, distance, digest uint64) []byte {
	body := binary.LittleEndian.AppendUint64(nil, 0xABCDEF)
	body = append(body, uvarints(from, distance)...)
	body = binary.LittleEndian.AppendUint64(body, digest)
	return append(body, plainBody(6, plainColumns(someRecords()), false, false)...)
}

func TestBatch(t *testing.T) {
	b, err := DecodeBatch(closed(KindBatch, 0, batchBody(7, 2, 9)), Options{})
	if err != nil || b.FromSeq != 7 || b.ToSeq != 9 || b.Digest != 9 || b.Void || len(b.Records) != 6 {
		t.Error(b, err)
	}
	for code, doc := range map[string][]byte{
		codeClock:          closed(KindBatch, 0, batchBody(7, 0, 9)),
		codeVoidDigest:     closed(KindBatch, flagVoidDigest, batchBody(7, 1, 9)),
		codeUnknownVersion: closed(KindBatch, 8, batchBody(7, 1, 9)),
		codeTooManyRecords: closed(KindDelta, 1, uvarints(50_000_001)),
		codeEmptyDelta:     closed(KindDelta, 0, []byte{0}),
		codeTruncated:      closed(KindDelta, 0, []byte{9, 0}),
	} {
		if doc[2] == 5 {
			_, err = DecodeBatch(doc, Options{})
		} else {
			_, err = DecodeDelta(doc, Options{})
		}
		refused(t, err, code)
	}
	_, err = DecodeBatch(closed(KindBatch, 0, batchBody(1<<63, 1<<63, 9)), Options{})
	refused(t, err, codeClock)
	if _, err = DecodeBatch(closed(KindBatch, flagVoidDigest, batchBody(7, 1, 0)), Options{}); err != nil {
		t.Error(err)
	}
}
