package qtn1

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestXXH64(t *testing.T) {
	for _, known := range []struct {
		data       string
		seed, hash uint64
	}{
		{"", 0, 0xEF46DB3751D8E999},
		{"", 1, 0xD5AFBA1336A3BE4B},
		{"a", 0, 0xD24EC4F1A98C6E5B},
		{"abc", 0, 0x44BC2CF5AD770999},
		{"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1},
	} {
		if got := xxh64([]byte(known.data), known.seed); got != known.hash {
			t.Errorf("XXH64(%q, %d) = %x", known.data, known.seed, got)
		}
	}
}

// wanted is the rows of a tree.
func wanted(top branch) (entries []Entry) {
	parents := map[uint32]uint32{}
	for _, b := range append([]branch{top}, inOrder(top)...) {
		for _, child := range b.in {
			parents[child.id] = b.id
		}
	}
	for _, b := range inOrder(top) {
		entries = append(entries, Entry{b.id, parents[b.id], b.name, b.mode, b.size, b.mtime})
	}
	return entries
}

func TestSnapshotSaysTheTree(t *testing.T) {
	for size := 1; size < 16; size++ {
		for _, packed := range []bool{false, true} {
			s := plain(sample(), size)
			s.packed = packed
			got, err := DecodeSnapshot(s.document(), Options{})
			if err != nil {
				t.Fatalf("chunks of %d: %v", size, err)
			}
			if !reflect.DeepEqual(got.Entries, wanted(sample())) || Digest(got) != got.Digest {
				t.Errorf("chunks of %d: got %v", size, got.Entries)
			}
			if got.Epoch != 0xABCDEF || got.Seq != 7 || got.Top != s.top {
				t.Errorf("got %v", got.Header)
			}
		}
	}
}

func TestEmptySnapshot(t *testing.T) {
	got, err := DecodeSnapshot(plain(dir("/", 1), 1).document(), Options{})
	if err != nil || len(got.Entries) != 0 || got.Top.Path != "/" {
		t.Error(got, err)
	}
}

func TestExtensionsAndRuns(t *testing.T) {
	s := plain(dir("/r", 1, file("ab.c", 2), file("ac.c", 3), file("ad", 4)), 3)
	c := &s.chunks[0].columns
	c[columnPrefixes] = []byte{0, 1, 1}
	c[columnSuffixes] = []byte("ab\x00c\x00d\x00")
	c[columnExtensions] = []byte(".c\x00")
	c[columnExtensionIDs] = []byte{1, 1, 0}
	c[columnIDs] = nil
	c[columnCountsBelow] = nil
	c[columnTimeTable] = append([]byte{3}, append(zigzags(-4), 1, 1)...)
	c[columnTimes] = zigzags(2, -1, -1)
	if _, err := DecodeSnapshot(s.document(), Options{}); err != nil {
		t.Error(err)
	}
}

func TestBelowIsTheSameAsAll(t *testing.T) {
	for size := 1; size < 16; size++ {
		doc := plain(sample(), size).document()
		var walk func(path string, b branch)
		walk = func(path string, b branch) {
			got, err := DecodeBelow(doc, path, Options{})
			if err != nil {
				t.Fatalf("%s in chunks of %d: %v", path, size, err)
			}
			if got.ID != b.id || len(got.Entries) != below(b) || below(b) > 0 && !reflect.DeepEqual(got.Entries, wanted(b)) {
				t.Errorf("%s in chunks of %d: %v", path, size, got.Entries)
			}
			for _, child := range b.in {
				if child.mode == directoryMode {
					walk(path+"/"+child.name, child)
				}
			}
		}
		walk("/srv/data", sample())
	}
}

func TestBelowUnpacksWhatItNeeds(t *testing.T) {
	doc := plain(sample(), 1).document()
	for path, most := range map[string]int{"/srv/data/c": 6, "/srv/data/b": 7, "/srv/data/b/empty": 7} {
		got, err := DecodeBelow(doc, path, Options{})
		if err != nil || got.Unpacked != most {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	for path, want := range map[string]error{
		"/srv": ErrNotFound, "/srv/data/q": ErrNotFound, "/srv/data/z": ErrNotDirectory,
	} {
		if _, err := DecodeBelow(doc, path, Options{}); err != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func chain(depth int) branch {
	b := dir("n", uint32(depth+1))
	for ; depth > 1; depth-- {
		b = dir("n", uint32(depth), b)
	}
	return dir("/top", 1, b)
}

func TestDepth(t *testing.T) {
	if _, err := DecodeSnapshot(plain(chain(512), 1000).document(), Options{}); err != nil {
		t.Error(err)
	}
	_, err := DecodeSnapshot(plain(chain(513), 1000).document(), Options{})
	refused(t, err, codeTooDeep)
}

func TestSnapshotDefects(t *testing.T) {
	column := func(number int, data ...byte) func(*plainSnapshot) {
		return func(s *plainSnapshot) { s.chunks[0].columns[number] = data }
	}
	prefixed := func(number int, data ...byte) func(*plainSnapshot) {
		return func(s *plainSnapshot) { copy(s.chunks[0].columns[number], data) }
	}
	more := func(number int, data ...byte) func(*plainSnapshot) {
		return func(s *plainSnapshot) { s.chunks[0].columns[number] = append(s.chunks[0].columns[number], data...) }
	}
	tooLong := append(bytes.Repeat([]byte{0xFF}, 9), 2)
	for i, defect := range []struct {
		code string
		make func(*plainSnapshot)
	}{
		{codeTopEntry, func(s *plainSnapshot) { s.top.Path = "/a/" }},
		{codeTopEntry, func(s *plainSnapshot) { s.top.Mode = fileMode }},
		{codePathTooLong, func(s *plainSnapshot) { s.top.Path = "/" + strings.Repeat("a/", 40000) + "a" }},
		{codeIDRange, func(s *plainSnapshot) { s.top.ID = 50_000_000 }},
		{codeMode, func(s *plainSnapshot) { s.top.Mode = 0x0FFF }},
		{codeTooManyEntries, func(s *plainSnapshot) { s.entries = 50_000_001 }},
		{codeChildCounts, func(s *plainSnapshot) { s.children = 6 }},
		{codeChildCounts, func(s *plainSnapshot) { s.children = 14 }},
		{codeEntryCount, func(s *plainSnapshot) { s.entries = 14 }},
		{codeChunkSize, func(s *plainSnapshot) { s.entries = 12 }},
		{codeChunkSize, func(s *plainSnapshot) { s.chunks[0].count = 0 }},
		{codeBytesLeftOver, func(s *plainSnapshot) { s.trailing = []byte{0} }},
		{codeUnknownVersion, func(s *plainSnapshot) { s.flags = 1 }},
		{codeSection, func(s *plainSnapshot) { s.flags, s.sections = 4, []byte{0} }},
		{codeSection, func(s *plainSnapshot) { s.flags, s.sections = 4, []byte{2, 0, 0} }},
		{codeSection, func(s *plainSnapshot) { s.flags, s.sections = 4, []byte{3, 0, 1, 0, 0} }},
		{codeDigest, func(s *plainSnapshot) { s.digest.Hi++ }},
		{codeTruncated, column(columnPrefixes, 0)},
		{codeBytesLeftOver, more(columnPrefixes, 0)},
		{codeNamePrefix, prefixed(columnPrefixes, 1)},
		{codeName, prefixed(columnSuffixes, '/')},
		{codeName, prefixed(columnSuffixes, '.')},
		{codeOrder, prefixed(columnSuffixes, 'b')},
		{codeExtensions, column(columnExtensions, 'a', 'b', 0)},
		{codeExtensions, column(columnExtensions, '.', 0)},
		{codeExtensionID, prefixed(columnExtensionIDs, 1)},
		{codeModeTable, prefixed(columnModes, 14)},
		{codeModeTable, prefixed(columnModes, 2, 0xA4, 0x81)},
		{codeModeIndex, more(columnModes)},
		{codeMode, prefixed(columnModes, 2, 0xED, 0x01)},
		{codeSizeWidth, prefixed(columnSizeWidths, 64)},
		{codeTimeTable, prefixed(columnTimeTable, 14)},
		{codeTimeIndex, column(columnTimeTable, 1, 0)},
		{codeTimeTable, column(columnTimeTable, 2, 0, 0)},
		{codeTimeTable, column(columnTimeTable, append([]byte{2}, append(zigzags(1), uvarints(math.MaxInt64)...)...)...)},
		{codeVarintTooLong, column(columnTimeTable, tooLong...)},
		{codeVarintNotShortest, column(columnTimeTable, 0x80, 0)},
		{codeTruncated, column(columnTimeTable, 0x80)},
		{codeIDRange, column(columnIDs, append(zigzags(-6), 13)...)},
		{codeIDRange, column(columnIDs, append(zigzags(49_999_990-6), 13)...)},
		{codeIDRange, column(columnIDs, append(zigzags(math.MinInt64), 13)...)},
		{codeIDRuns, column(columnIDs, append(zigzags(0), 14)...)},
		{codeIDRuns, column(columnIDs, append(zigzags(0), 0)...)},
		{codeIDTwice, column(columnIDs, append(zigzags(-3), 13)...)},
		{codeChildCounts, prefixed(columnChildCounts, 3)},
		{codeBelowCounts, prefixed(columnCountsBelow, 4)},
		{codeBelowCounts, column(columnCountsBelow)},
	} {
		s := plain(sample(), 100)
		if defect.code == codeModeIndex {
			s.chunks[0].columns[columnModes][5] = 2
		}
		defect.make(s)
		_, err := DecodeSnapshot(s.document(), Options{})
		t.Run(fmt.Sprint(i), func(t *testing.T) { refused(t, err, defect.code) })
	}
}

func TestDirectorySizeAndPadding(t *testing.T) {
	top := dir("/r", 1, dir("a", 2))
	top.in[0].size = 1
	_, err := DecodeSnapshot(plain(top, 1).document(), Options{})
	refused(t, err, codeDirectorySize)

	s := plain(dir("/r", 1, file("a", 2)), 1)
	s.chunks[0].columns[columnSizeBits][0] |= 0x80
	_, err = DecodeSnapshot(s.document(), Options{})
	refused(t, err, codeSizePadding)
}

func TestEnclosure(t *testing.T) {
	doc := plain(sample(), 4).document()
	_, err := DecodeSnapshot(doc[:11], Options{})
	refused(t, err, codeTruncated)
	_, err = DecodeSnapshot(doc[:len(doc)-1], Options{})
	refused(t, err, codeCheck)
	_, err = DecodeManifest(doc, Options{})
	refused(t, err, codeMagic)
	_, err = DecodeSnapshot(doc, Options{MaxEntries: 12})
	refused(t, err, codeTooManyEntries)

	s := plain(sample(), 4)
	s.flags, s.sections = 4, []byte{1, 2, 'h', 'i', 9, 0, 0}
	if _, err := DecodeSnapshot(s.document(), Options{}); err != nil {
		t.Error(err)
	}
}

// Whatever is done to a document, the answer is an *Error, or there was none.
func TestDamageNeverPanics(t *testing.T) {
	for _, packed := range []bool{false, true} {
		s := plain(sample(), 5)
		s.packed = packed
		doc := s.document()
		body := doc[4 : len(doc)-8]
		for i := range body {
			for _, flip := range []byte{1, 2, 0x40, 0x80, 0xFF} {
				damaged := append([]byte{}, body...)
				damaged[i] ^= flip
				read(t, closed(KindSnapshot, 0, damaged))
			}
			read(t, closed(KindSnapshot, 0, body[:i]))
		}
	}
}

func read(t *testing.T, doc []byte) {
	t.Helper()
	_, err := DecodeSnapshot(doc, Options{})
	if _, defect := err.(*Error); err != nil && !defect {
		t.Error(err)
	}
	_, err = DecodeBelow(doc, "/srv/data/a/e", Options{})
	if _, defect := err.(*Error); err != nil && !defect && err != ErrNotFound && err != ErrNotDirectory {
		t.Error(err)
	}
}
