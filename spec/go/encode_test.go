package qtn1

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A small encoder for the tests: it lets a test change any column before the document is closed.

type chunkColumns struct {
	count   int
	columns [columnCount][]byte
}

type plainSnapshot struct {
	flags    byte
	sections []byte
	epoch    uint64
	seq      uint64
	top      Top
	digest   Hash128
	entries  int
	children int
	chunks   []chunkColumns
	packed   bool
	trailing []byte
}

func uvarints(values ...uint64) (data []byte) {
	for _, v := range values {
		data = binary.AppendUvarint(data, v)
	}
	return data
}

func zigzags(values ...int64) (data []byte) {
	for _, v := range values {
		data = binary.AppendVarint(data, v)
	}
	return data
}

// The library leaves out a content size below 256, which the page wants, unless a frame is one segment.
var packer, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true))

func packedColumn(raw []byte, packed bool) []byte {
	if packed {
		if stored := packer.EncodeAll(raw, nil); len(stored) < len(raw) {
			return append(uvarints(uint64(len(raw)), uint64(len(stored))), stored...)
		}
	}
	return append(uvarints(uint64(len(raw)), uint64(len(raw))), raw...)
}

func (s *plainSnapshot) document() []byte {
	body := append([]byte{}, s.sections...)
	body = binary.LittleEndian.AppendUint64(body, s.epoch)
	body = append(body, uvarints(s.seq, uint64(s.top.ID), uint64(len(s.top.Path)))...)
	body = append(body, s.top.Path...)
	body = append(body, uvarints(uint64(s.top.Mode))...)
	body = append(body, zigzags(s.top.Mtime)...)
	body = s.digest.appendTo(body)
	body = append(body, uvarints(uint64(s.entries), uint64(s.children), uint64(len(s.chunks)))...)
	for _, ch := range s.chunks {
		body = append(body, uvarints(uint64(ch.count))...)
		for _, raw := range ch.columns {
			body = append(body, packedColumn(raw, s.packed)...)
		}
	}
	return closed(KindSnapshot, s.flags, append(body, s.trailing...))
}

func closed(kind Kind, flags byte, body []byte) []byte {
	form := forms[kind]
	doc := append(append([]byte{}, form.magic[:]...), flags)
	doc = append(doc, body...)
	return append(doc, check(doc, form.checkSize)...)
}

// branch is a tree written down.
type branch struct {
	name  string
	id    uint32
	mode  uint16
	size  uint64
	mtime int64
	in    []branch
}

const (
	directoryMode = 0x41ED
	fileMode      = 0x81A4
)

func dir(name string, id uint32, in ...branch) branch {
	return branch{name, id, directoryMode, 0, int64(id) * 1000, in}
}

func file(name string, id uint32) branch {
	return branch{name, id, fileMode, uint64(id) * 7, -int64(id), nil}
}

func below(b branch) (n int) {
	for _, child := range b.in {
		n += 1 + below(child)
	}
	return n
}

func digestOfBranch(b branch) (sum Hash128) {
	for _, child := range b.in {
		entry := Entry{Name: child.name, Mode: child.mode, Size: child.size, Mtime: child.mtime}
		sum = sum.Add(entryHash(&entry, digestOfBranch(child), nil))
	}
	return sum
}

// inOrder is directory order, written as section 2 says it.
func inOrder(b branch) (ordered []branch) {
	ordered = append(ordered, b.in...)
	for _, child := range b.in {
		ordered = append(ordered, inOrder(child)...)
	}
	return ordered
}

// plain writes a tree, with so many entries in a chunk.
func plain(top branch, chunkEntries int) *plainSnapshot {
	s := &plainSnapshot{epoch: 0xABCDEF, seq: 7, top: Top{top.id, top.name, top.mode, top.mtime}}
	s.digest, s.entries, s.children = digestOfBranch(top), below(top), len(top.in)
	last := int64(top.id)
	for rest := inOrder(top); len(rest) > 0; {
		n := chunkEntries
		if n > len(rest) {
			n = len(rest)
		}
		s.chunks = append(s.chunks, plainChunk(rest[:n], &last))
		rest = rest[n:]
	}
	return s
}

func plainChunk(entries []branch, last *int64) chunkColumns {
	ch := chunkColumns{count: len(entries)}
	c := &ch.columns
	previous := ""
	var sizes bitWriter
	mtime := int64(0)
	c[columnModes] = []byte{2, directoryMode & 0xFF, directoryMode >> 8, fileMode & 0xFF, fileMode >> 8}
	if len(entries) == 1 { // the table may not be longer than the chunk
		c[columnModes] = []byte{1, byte(entries[0].mode), byte(entries[0].mode >> 8)}
	}
	c[columnTimeTable] = []byte{0}
	for _, e := range entries {
		common := 0
		for common < len(previous) && common < len(e.name) && previous[common] == e.name[common] {
			common++
		}
		previous = e.name
		c[columnPrefixes] = append(c[columnPrefixes], byte(common))
		c[columnSuffixes] = append(append(c[columnSuffixes], e.name[common:]...), 0)
		c[columnExtensionIDs] = append(c[columnExtensionIDs], 0)
		if e.mode == directoryMode {
			c[columnChildCounts] = append(c[columnChildCounts], uvarints(uint64(len(e.in)))...)
			c[columnCountsBelow] = append(c[columnCountsBelow], uvarints(uint64(below(e)-len(e.in)))...)
		}
		if e.mode == directoryMode || len(entries) == 1 {
			c[columnModes] = append(c[columnModes], 0)
		} else {
			c[columnModes] = append(c[columnModes], 1)
		}
		c[columnSizeWidths] = append(c[columnSizeWidths], byte(bits.Len64(e.size)))
		sizes.put(e.size)
		c[columnTimes] = append(c[columnTimes], zigzags(e.mtime-mtime)...)
		mtime = e.mtime
		c[columnIDs] = append(c[columnIDs], zigzags(int64(e.id)-*last-1)...)
		c[columnIDs] = append(c[columnIDs], 1)
		*last = int64(e.id)
	}
	c[columnSizeBits] = sizes.data
	return ch
}

// bitWriter puts sizes into column 8.
type bitWriter struct {
	data []byte
	used int
}

func (w *bitWriter) put(size uint64) {
	for i := 0; i < bits.Len64(size)-1; i++ {
		if w.used%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.used/8] |= byte(size>>i&1) << (w.used % 8)
		w.used++
	}
}

// sample is a tree of four levels, with ids in no order.
func sample() branch {
	return dir("/srv/data", 5,
		dir("a", 11, file("d.txt", 3), dir("e", 4, file("f1", 100), file("f2", 101), dir("f3", 102))),
		file("a.txt", 12),
		dir("b", 1, dir("empty", 9), file("x", 2)),
		dir("c", 30, file("g", 31)),
		file("z", 49_999_999))
}

// refused sees that an error is of a code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	if defect, ok := err.(*Error); !ok || defect.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
