package qtn1

// The columns of a chunk (section 3), from 0.
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
	most := uint64(maxChunkEntries)
	if uint64(left) < most {
		most = uint64(left)
	}
	n, err := c.varintUpTo(most, codeChunkSize)
	if err == nil && n == 0 {
		err = c.fail(codeChunkSize)
	}
	return int(n), err
}

// read unpacks one column, lets a function read it, and sees that it was read to its end.
func (ch *chunk) read(number int, reader func(*cursor) error) error {
	c, err := ch.columns[number].open()
	if err != nil {
		return err
	}
	if err := reader(c); err != nil {
		return err
	}
	return c.end()
}

// decode is what the chunk says. before is the id before its first entry, total the entries of the snapshot.
func (ch *chunk) decode(before uint32, total int) (rows listing, err error) {
	names, err := ch.names()
	if err != nil {
		return rows, err
	}
	rows.entries = make([]Entry, ch.count)
	for i, name := range names {
		rows.entries[i].Name = name
	}
	if err := ch.meta(rows.entries); err != nil {
		return rows, err
	}
	ids, err := ch.ids(before)
	if err != nil {
		return rows, err
	}
	directories := 0
	for i := range rows.entries {
		rows.entries[i].ID = ids[i]
		if rows.entries[i].IsDirectory() {
			directories++
		}
	}
	err = ch.read(columnChildCounts, func(c *cursor) (err error) {
		rows.children, err = c.counts(directories, total, codeChildCounts)
		return err
	})
	if err != nil {
		return rows, err
	}
	if ch.columns[columnCountsBelow].rawSize == 0 {
		rows.below = make([]uint32, directories)
		return rows, nil
	}
	return rows, ch.read(columnCountsBelow, func(c *cursor) (err error) {
		rows.below, err = c.counts(directories, total, codeBelowCounts)
		return err
	})
}

// counts reads a count for each directory: none of them is more than all entries.
func (c *cursor) counts(directories, total int, code string) ([]uint32, error) {
	counts := make([]uint32, directories)
	for i := range counts {
		n, err := c.varintUpTo(uint64(total), code)
		if err != nil {
			return nil, err
		}
		counts[i] = uint32(n)
	}
	return counts, nil
}

// meta sets modes, sizes and times.
func (ch *chunk) meta(entries []Entry) error {
	n := len(entries)
	var modes []uint16
	var widths []byte
	var sizes []uint64
	var table, mtimes []int64
	columns := []struct {
		number int
		reader func(*cursor) error
	}{
		{columnModes, func(c *cursor) (err error) { modes, err = c.modes(n); return err }},
		{columnSizeWidths, func(c *cursor) (err error) { widths, err = c.sizeWidths(n); return err }},
		{columnSizeBits, func(c *cursor) (err error) { sizes, err = c.sizeBits(widths); return err }},
		{columnTimeTable, func(c *cursor) (err error) { table, err = c.timeTable(n); return err }},
		{columnTimes, func(c *cursor) (err error) { mtimes, err = c.times(n, table); return err }},
	}
	for _, column := range columns {
		if err := ch.read(column.number, column.reader); err != nil {
			return err
		}
	}
	for i := range entries {
		entry := &entries[i]
		entry.Mode, entry.Size, entry.Mtime = modes[i], sizes[i], mtimes[i]
		if entry.IsDirectory() && entry.Size != 0 {
			return &Error{codeDirectorySize, ch.columns[columnSizeWidths].base}
		}
	}
	return nil
}

// ids is column 11. before is the id before the chunk's first entry.
func (ch *chunk) ids(before uint32) ([]uint32, error) {
	ids := make([]uint32, 0, ch.count)
	last := int64(before)
	run := func(c *cursor, first, length int64) error {
		last = first + length - 1
		if first < 1 || last > maxID {
			return c.fail(codeIDRange)
		}
		for id := first; id <= last; id++ {
			ids = append(ids, uint32(id))
		}
		return nil
	}
	err := ch.read(columnIDs, func(c *cursor) error {
		if c.left() == 0 {
			return run(c, last+1, int64(ch.count))
		}
		for len(ids) < ch.count {
			first, err := c.step(last+1, 1, maxID, codeIDRange)
			if err != nil {
				return err
			}
			length, err := c.varintUpTo(uint64(ch.count-len(ids)), codeIDRuns)
			if err != nil {
				return err
			}
			if length == 0 {
				return c.fail(codeIDRuns)
			}
			if err := run(c, first, int64(length)); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}
