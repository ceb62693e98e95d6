package qtn1

import (
	"iter"
	"strings"
)

// Snapshot is a directory with everything below it. The slices have an element for each entry, in directory order: the
// children of the top, then, for each directory among them, everything below it. They are the caller's.
type Snapshot struct {
	Header
	IDs         []uint32
	Parents     []int32 // the index of the parent; -1 is the top
	Names       []string
	Modes       []uint16
	Sizes       []uint64
	Mtimes      []int64 // nanoseconds since 1970
	Directories []Directory
}

// Directory is a directory of a snapshot. Its children are the entries from First up to First + Children.
type Directory struct {
	Index    int // of its entry
	First    int
	Children int
	Digest   Hash
}

// DecodeSnapshot reads a snapshot and checks everything that can be checked of one.
func DecodeSnapshot(doc []byte, limits Limits) (*Snapshot, error) {
	c, _, err := open(doc, snapshotForm)
	if err != nil {
		return nil, err
	}
	header, chunks, err := c.header(limits)
	if err != nil {
		return nil, err
	}
	if err := c.surveyChunks(chunks, header.Entries); err != nil {
		return nil, err
	}
	s := newSnapshot(header)
	reader := chunkReader{into: s, lastID: header.Top.ID}
	reader.seen.add(header.Top.ID)
	for ; chunks > 0; chunks-- {
		ch, err := c.chunk(header.Entries - len(s.IDs))
		if err != nil {
			return nil, err
		}
		if err := reader.next(ch); err != nil {
			return nil, err
		}
	}
	if code := s.link(reader.counts); code != "" {
		return nil, c.fail(code)
	}
	if s.sum() != header.Digest {
		return nil, c.fail(codeDigest)
	}
	return s, nil
}

func newSnapshot(header Header) *Snapshot {
	n := header.Entries
	return &Snapshot{
		Header: header, IDs: make([]uint32, 0, n), Parents: make([]int32, n), Names: make([]string, 0, n),
		Modes: make([]uint16, 0, n), Sizes: make([]uint64, 0, n), Mtimes: make([]int64, 0, n),
	}
}

// Entry is the entry at an index.
func (s *Snapshot) Entry(i int) Entry {
	return Entry{s.IDs[i], s.ParentID(i), s.Names[i], s.Modes[i], s.Sizes[i], s.Mtimes[i]}
}

// ParentID is the id of an entry's parent.
func (s *Snapshot) ParentID(i int) uint32 {
	if parent := s.Parents[i]; parent >= 0 {
		return s.IDs[parent]
	}
	return s.Top.ID
}

// Path is the absolute path of an entry.
func (s *Snapshot) Path(i int) string {
	var names []string
	for at := int32(i); at >= 0; at = s.Parents[at] {
		names = append(names, s.Names[at])
	}
	var path strings.Builder
	path.WriteString(strings.TrimSuffix(s.Top.Path, "/"))
	for i := len(names) - 1; i >= 0; i-- {
		path.WriteByte('/')
		path.WriteString(names[i])
	}
	return path.String()
}

// All gives each entry with its index, in directory order.
func (s *Snapshot) All() iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		for i := range s.IDs {
			if !yield(i, s.Entry(i)) {
				return
			}
		}
	}
}
