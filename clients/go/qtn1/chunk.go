package qtn1

// The columns of a chunk.
const (
	columnChildCounts = iota
	columnPrefixes
	columnSuffixes
	columnExtensions
	columnExtensionIDs
	columnModes
	columnSizeWidths
	columnSizeBits
	columnTimeTable
	columnTimes
	columnIDs
	columnCountsBelow
	columnCount
)

// chunk is a chunk with its columns still packed.
type chunk struct {
	count   int
	columns [columnCount]column
}

// chunk reads a chunk without unpacking it; left is how many entries are still to come.
func (c *cursor) chunk(left int) (ch chunk, err error) {
	if ch.count, err = c.chunkSize(left); err != nil {
		return ch, err
	}
	for i := range ch.columns {
		if ch.columns[i], err = c.column(maxColumn); err != nil {
			return ch, err
		}
	}
	return ch, nil
}

func (c *cursor) chunkSize(left int) (int, error) {
	n, err := c.varintUpTo(uint64(min(left, maxChunkEntries)), codeChunkSize)
	if err == nil && n == 0 {
		err = c.fail(codeChunkSize)
	}
	return int(n), err
}

// surveyChunks sees, from sizes alone, that the chunks are there and hold all entries, so that memory may be taken.
func (c cursor) surveyChunks(chunks, entries int) error {
	left := entries
	for ; chunks > 0; chunks-- {
		ch, err := c.chunk(left)
		if err != nil {
			return err
		}
		left -= ch.count
	}
	if left > 0 {
		return c.fail(codeEntryCount)
	}
	return c.end()
}

// chunkReader reads the columns of one chunk after the other into a snapshot. Its buffers serve all chunks, and are one
// for each column that has to be there while another one is read.
type chunkReader struct {
	into    *Snapshot
	chunk   chunk
	buffers [columnCount][]byte
	seen    idSet
	lastID  uint32
	counts  directoryCounts
}

// directoryCounts is, for each directory of a snapshot in order, how many children it has and how many entries are
// below it that are not its children.
type directoryCounts struct{ children, below []uint32 }

// read unpacks one column, lets a function read it, and sees that it was read to its end.
func (r *chunkReader) read(number int, reader func(*cursor) error) error {
	c, err := r.chunk.columns[number].open(&r.buffers[number])
	if err != nil {
		return err
	}
	if err := reader(c); err != nil {
		return err
	}
	return c.end()
}

// next reads a chunk: the names, then modes, sizes and times, then the ids, then what is told of directories.
func (r *chunkReader) next(ch chunk) error {
	r.chunk = ch
	first := len(r.into.Modes)
	for _, group := range []func() error{r.names, r.meta, r.ids} {
		if err := group(); err != nil {
			return err
		}
	}
	directories := 0
	for i, mode := range r.into.Modes[first:] {
		if !IsDirectory(mode) {
			continue
		}
		directories++
		if r.into.Sizes[first+i] != 0 {
			return &Error{codeDirectorySize, ch.columns[columnSizeWidths].base}
		}
	}
	return r.directories(directories)
}

// directories reads the counts of the chunk's directories. No count is more than all entries.
func (r *chunkReader) directories(n int) (err error) {
	most := uint64(r.into.Entries)
	err = r.read(columnChildCounts, func(c *cursor) (err error) {
		r.counts.children, err = c.counts(r.counts.children, n, most, codeChildCounts)
		return err
	})
	if err != nil {
		return err
	}
	return r.read(columnCountsBelow, func(c *cursor) (err error) {
		if c.left() == 0 {
			r.counts.below = append(r.counts.below, make([]uint32, n)...)
			return nil
		}
		r.counts.below, err = c.counts(r.counts.below, n, most, codeBelowCounts)
		return err
	})
}

func (c *cursor) counts(counts []uint32, n int, most uint64, code string) ([]uint32, error) {
	for ; n > 0; n-- {
		count, err := c.varintUpTo(most, code)
		if err != nil {
			return nil, err
		}
		counts = append(counts, uint32(count))
	}
	return counts, nil
}

func (r *chunkReader) meta() error {
	n, into := r.chunk.count, r.into
	var widths []byte
	var table []int64
	columns := []struct {
		number int
		reader func(*cursor) error
	}{
		{columnModes, func(c *cursor) (err error) { into.Modes, err = c.modes(into.Modes, n); return err }},
		{columnSizeWidths, func(c *cursor) (err error) { widths, err = c.sizeWidths(n); return err }},
		{columnSizeBits, func(c *cursor) (err error) { into.Sizes, err = c.sizes(into.Sizes, widths); return err }},
		{columnTimeTable, func(c *cursor) (err error) { table, err = c.timeTable(n); return err }},
		{columnTimes, func(c *cursor) (err error) { into.Mtimes, err = c.times(into.Mtimes, n, table); return err }},
	}
	for _, column := range columns {
		if err := r.read(column.number, column.reader); err != nil {
			return err
		}
	}
	return nil
}
