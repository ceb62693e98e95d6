package qtn1

// A column (section 1): varint raw_size, varint stored_size, stored_size bytes.
type column struct {
	rawSize uint64
	stored  []byte
	base    int // where stored stands in the document
}

// column reads a column without unpacking it.
func (c *cursor) column(maxRaw uint64) (column, error) {
	rawSize, err := c.varintUpTo(maxRaw, codeColumnTooLarge)
	if err != nil {
		return column{}, err
	}
	storedSize, err := c.varintUpTo(rawSize, codeColumnSize)
	if err != nil {
		return column{}, err
	}
	base := c.offset()
	stored, err := c.take(storedSize)
	return column{rawSize, stored, base}, err
}

// open unpacks the column, to be read from its beginning.
func (col column) open() (*cursor, error) {
	if uint64(len(col.stored)) == col.rawSize {
		return &cursor{data: col.stored, base: col.base}, nil
	}
	raw, code := unpackFrame(col.stored, col.rawSize)
	if code != "" {
		return nil, &Error{code, col.base}
	}
	return &cursor{data: raw, base: col.base, packed: true}, nil
}

// opened reads a column and unpacks it.
func (c *cursor) opened(maxRaw uint64) (*cursor, error) {
	col, err := c.column(maxRaw)
	if err != nil {
		return nil, err
	}
	return col.open()
}

// offsetOf is where byte i of the unpacked column stands in the document, or the column does if it is compressed.
func (col column) offsetOf(i int) int {
	if uint64(len(col.stored)) == col.rawSize {
		return col.base + i
	}
	return col.base
}
