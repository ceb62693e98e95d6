package qtn1

// Mask is what a record says of its entry.
type Mask byte

// What a record can say. A record that deletes says nothing else; one for a new entry says everything else.
const (
	MaskDeleted Mask = 1
	MaskPlace   Mask = 2 // parent and name
	MaskMode    Mask = 4
	MaskSize    Mask = 8
	MaskMtime   Mask = 16

	MaskAll = MaskPlace | MaskMode | MaskSize | MaskMtime
)

// Has says whether the mask has the bit, or one of the bits.
func (m Mask) Has(bit Mask) bool { return m&bit != 0 }

// Record is an absolute statement about one entry. What the mask does not say is zero.
type Record struct {
	Entry // the name of a root, whose parent is 0, is its absolute path
	Mask  Mask
}

// body reads the ten columns of a delta's or batch's body, which have sizes or stand bare, one after the other.
type body struct {
	bare    *cursor // nil where columns have sizes
	columns [recordColumns]column
	next    int
	buffer  []byte
	records []Record
}

const (
	recordColumns = 10
	columnMasks   = 1 // of the records' columns
)

// records reads a body to its end, which is the document's.
func (c *cursor) records(flags byte, limits Limits) ([]Record, error) {
	count, err := c.varintUpTo(limits.entries(), codeTooManyRecords)
	if err != nil {
		return nil, err
	}
	b := &body{}
	if flags&flagSizes != 0 {
		err = b.survey(c, int(count))
	} else if b.bare = c; count > uint64(c.left()) {
		err = c.fail(codeTruncated)
	}
	if err != nil {
		return nil, err
	}
	b.records = make([]Record, count)
	for _, columns := range []func() error{b.ids, b.masks, b.parents, b.names, b.modes, b.sizes, b.mtimes} {
		if err := columns(); err != nil {
			return nil, err
		}
	}
	return b.records, c.end()
}

// survey finds the columns and sees, before any is unpacked or memory is taken for records, that their sizes fit the
// records.
func (b *body) survey(c *cursor, count int) (err error) {
	for i := range b.columns {
		if b.columns[i], err = c.column(maxBodyColumn); err != nil {
			return err
		}
		switch size := b.columns[i].rawSize; {
		case i == columnMasks && size < count:
			return &Error{codeTruncated, b.columns[i].base}
		case i == columnMasks && size > count, size > count*maxRecordBytes:
			return &Error{codeBytesLeftOver, b.columns[i].base}
		}
	}
	return nil
}

// read lets a function read the next column, and sees that it was read to its end. What the function keeps of a column
// must not be part of it: the next column takes its place.
func (b *body) read(reader func(*cursor) error) error {
	if b.bare != nil {
		return reader(b.bare)
	}
	c, err := b.columns[b.next].open(&b.buffer)
	if err != nil {
		return err
	}
	b.next++
	if err := reader(c); err != nil {
		return err
	}
	return c.end()
}

// with is the records that have a bit.
func (b *body) with(bit Mask) (having []*Record) {
	for i := range b.records {
		if b.records[i].Mask.Has(bit) {
			having = append(having, &b.records[i])
		}
	}
	return having
}

func (b *body) ids() error {
	return b.read(func(c *cursor) error {
		next := uint64(0)
		for i := range b.records {
			skipped, err := c.varintUpTo(MaxID, codeIDRange)
			if err != nil {
				return err
			}
			id := next + skipped
			if id < 1 || id > MaxID {
				return c.fail(codeIDRange)
			}
			b.records[i].ID = uint32(id)
			next = id + 1
		}
		return nil
	})
}

func (b *body) masks() error {
	return b.read(func(c *cursor) error {
		masks, err := c.take(uint64(len(b.records)))
		if err != nil {
			return err
		}
		for i, told := range masks {
			mask := Mask(told)
			if mask == 0 || mask != MaskDeleted && mask&^MaskAll != 0 {
				return c.fail(codeMask)
			}
			b.records[i].Mask = mask
		}
		return nil
	})
}
