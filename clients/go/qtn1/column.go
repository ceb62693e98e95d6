package qtn1

// column is a column as it stands in the document: varint raw_size, varint stored_size, stored_size bytes.
type column struct {
	rawSize int
	stored  []byte
	base    int // where stored stands in the document
}

// column reads a column without unpacking it.
func (c *cursor) column(mostRaw uint64) (column, error) {
	rawSize, err := c.varintUpTo(mostRaw, codeColumnTooLarge)
	if err != nil {
		return column{}, err
	}
	storedSize, err := c.varintUpTo(rawSize, codeColumnSize)
	if err != nil {
		return column{}, err
	}
	base := c.offset()
	stored, err := c.take(storedSize)
	return column{int(rawSize), stored, base}, err
}

func (col *column) isPacked() bool { return len(col.stored) < col.rawSize }

// open unpacks the column, to be read from its beginning. A buffer that was given is made use of, and may be replaced
// by a larger one.
func (col *column) open(buffer *[]byte) (*cursor, error) {
	if !col.isPacked() {
		return &cursor{data: col.stored, base: col.base}, nil
	}
	raw, code := unpackFrame(col.stored, col.rawSize, *buffer)
	if code != "" {
		return nil, &Error{code, col.base}
	}
	*buffer = raw
	return &cursor{data: raw, base: col.base, packed: true}, nil
}
