package qtn1

import (
	"errors"
	"sort"
	"strings"
)

// What DecodeBelow says of a path that a right document does not have: no defect, so no *Error.
var (
	ErrNotFound     = errors.New("qtn1: no such path in the snapshot")
	ErrNotDirectory = errors.New("qtn1: not a directory")
)

// Below is one directory of a snapshot.
type Below struct {
	ID       uint32
	Entries  []Entry // everything below it, in directory order
	Unpacked int     // how many chunks had to be unpacked for that
}

// DecodeBelow reads everything below one directory, by its absolute path, and unpacks only the chunks that hold the
// children of the directories on the way, and then those of its range (section 3, "One directory without the rest").
// Ids go on from chunk to chunk, so of the chunks before one that is unpacked the ids, and only these, are read too.
func DecodeBelow(doc []byte, path string, options Options) (*Below, error) {
	x, err := newIndex(doc, options)
	if err != nil {
		return nil, err
	}
	names, err := namesBelow(x.header.Top.Path, path)
	if err != nil {
		return nil, err
	}
	at := span{id: x.header.Top.ID, children: x.header.Children, end: x.header.Entries}
	for _, name := range names {
		if at, err = x.descend(at, name); err != nil {
			return nil, err
		}
	}
	rows, err := x.rows(at.begin, at.end)
	if err != nil {
		return nil, err
	}
	if _, code := rows.link(at.id, at.children, len(names)); code != "" {
		return nil, x.end.fail(code)
	}
	return &Below{at.id, rows.entries, len(x.unpacked)}, nil
}

// namesBelow is the names on the way from the top down to path.
func namesBelow(top, path string) ([]string, error) {
	if path == top {
		return nil, nil
	}
	rest := strings.TrimPrefix(path, strings.TrimSuffix(top, "/")+"/")
	if rest == path {
		return nil, ErrNotFound
	}
	return strings.Split(rest, "/"), nil
}

// span is where everything below a directory stands among the entries: its children first.
type span struct {
	id         uint32
	begin, end int
	children   int
}

// index knows where each chunk stands, and what those hold that were needed.
type index struct {
	header   Header
	chunks   []chunk
	starts   []int    // the number of each chunk's first entry
	before   []uint32 // the id before each chunk's first entry, as far as known
	unpacked map[int]listing
	end      *cursor
}

func newIndex(doc []byte, options Options) (*index, error) {
	c, _, err := open(doc, KindSnapshot)
	if err != nil {
		return nil, err
	}
	header, chunks, err := c.header(options)
	if err != nil {
		return nil, err
	}
	x := &index{header: header, before: []uint32{header.Top.ID}, unpacked: map[int]listing{}, end: c}
	start := 0
	for ; chunks > 0; chunks-- {
		ch, err := c.chunk(header.Entries - start)
		if err != nil {
			return nil, err
		}
		x.chunks, x.starts = append(x.chunks, ch), append(x.starts, start)
		start += ch.count
	}
	if start < header.Entries {
		return nil, c.fail(codeEntryCount)
	}
	return x, c.end()
}

// idBefore is the id before a chunk's first entry.
func (x *index) idBefore(number int) (uint32, error) {
	for i := len(x.before) - 1; i < number; i++ {
		ids, err := x.chunks[i].ids(x.before[i])
		if err != nil {
			return 0, err
		}
		x.before = append(x.before, ids[len(ids)-1])
	}
	return x.before[number], nil
}

func (x *index) unpack(number int) (listing, error) {
	if rows, ok := x.unpacked[number]; ok {
		return rows, nil
	}
	before, err := x.idBefore(number)
	if err != nil {
		return listing{}, err
	}
	rows, err := x.chunks[number].decode(before, x.header.Entries)
	if err == nil {
		x.unpacked[number] = rows
	}
	return rows, err
}

// rows is the entries from, up to to.
func (x *index) rows(from, to int) (rows listing, err error) {
	number := sort.SearchInts(x.starts, from+1) - 1
	for from < to {
		part, err := x.unpack(number)
		if err != nil {
			return rows, err
		}
		start := x.starts[number]
		end := start + len(part.entries)
		if end > to {
			end = to
		}
		rows.append(part.cut(from-start, end-start))
		from, number = end, number+1
	}
	return rows, nil
}

// descend finds the child of a directory by its name: its range begins where the children end, plus, for each directory
// before it, that one's children and count below.
func (x *index) descend(at span, name string) (span, error) {
	rows, err := x.rows(at.begin, at.begin+at.children)
	if err != nil {
		return span{}, err
	}
	begin, ordinal := at.begin+at.children, 0
	for i := range rows.entries {
		entry := &rows.entries[i]
		if i > 0 && entry.Name <= rows.entries[i-1].Name {
			return span{}, x.end.fail(codeOrder)
		}
		if !entry.IsDirectory() {
			if entry.Name == name {
				return span{}, ErrNotDirectory
			}
			continue
		}
		children := int(rows.children[ordinal])
		end := begin + children + int(rows.below[ordinal])
		if end > at.end {
			return span{}, x.end.fail(codeBelowCounts)
		}
		if entry.Name == name {
			return span{entry.ID, begin, end, children}, nil
		}
		begin, ordinal = end, ordinal+1
	}
	return span{}, ErrNotFound
}
