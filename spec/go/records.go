package qtn1

// What a record's mask says (section 4).
const (
	MaskDeleted = 1
	MaskPlace   = 2
	MaskMode    = 4
	MaskSize    = 8
	MaskMtime   = 16

	maskAll = MaskPlace | MaskMode | MaskSize | MaskMtime
)

// Record is an absolute statement about one id. What the mask does not say is zero.
type Record struct {
	ID     uint32
	Mask   byte
	Parent uint32
	Name   string // where the parent is 0, a path
	Mode   uint16
	Size   uint64
	Mtime  int64
}

// Has says whether the mask has the bit.
func (r *Record) Has(bit byte) bool { return r.Mask&bit != 0 }

// body reads the ten columns of a delta's or batch's body, which have sizes or stand bare.
type body struct {
	cursor  *cursor
	sized   bool
	records []Record
}

// records reads a body to its end, which is the document's.
func (c *cursor) records(flags byte, options Options) ([]Record, error) {
	count, err := c.varintUpTo(options.maxEntries(), codeTooManyRecords)
	if err != nil {
		return nil, err
	}
	b := &body{cursor: c, sized: flags&flagColumns != 0}
	if !b.sized && count > uint64(c.left()) {
		return nil, c.fail(codeTruncated)
	}
	if err := b.ids(int(count)); err != nil {
		return nil, err
	}
	for _, columns := range []func() error{b.masks, b.parents, b.names, b.modes, b.sizes, b.mtimes} {
		if err := columns(); err != nil {
			return nil, err
		}
	}
	return b.records, c.end()
}

// read lets a function read the next column, and sees that it was read to its end.
func (b *body) read(reader func(*cursor) error) error {
	if !b.sized {
		return reader(b.cursor)
	}
	c, err := b.cursor.opened(maxBodyColumn)
	if err != nil {
		return err
	}
	if err := reader(c); err != nil {
		return err
	}
	return c.end()
}

// with is the records that have a bit.
func (b *body) with(bit byte) (having []*Record) {
	for i := range b.records {
		if b.records[i].Has(bit) {
			having = append(having, &b.records[i])
		}
	}
	return having
}

func (b *body) ids(count int) error {
	return b.read(func(c *cursor) error {
		for previous := uint64(0); len(b.records) < count; {
			skipped, err := c.varintUpTo(maxID, codeIDRange)
			if err != nil {
				return err
			}
			id := skipped
			if len(b.records) > 0 {
				id += previous + 1
			}
			if id < 1 || id > maxID {
				return c.fail(codeIDRange)
			}
			b.records = append(b.records, Record{ID: uint32(id)})
			previous = id
		}
		return nil
	})
}

func (b *body) masks() error {
	return b.read(func(c *cursor) error {
		for i := range b.records {
			mask, err := c.byte()
			if err != nil {
				return err
			}
			if mask == 0 || mask > MaskDeleted && mask&^maskAll != 0 {
				return c.fail(codeMask)
			}
			b.records[i].Mask = mask
		}
		return nil
	})
}

func (b *body) parents() error {
	return b.read(func(c *cursor) (err error) {
		parent := int64(0)
		for _, record := range b.with(MaskPlace) {
			if parent, err = c.step(parent, 0, maxID, codeIDRange); err != nil {
				return err
			}
			record.Parent = uint32(parent)
		}
		return nil
	})
}

// names is columns 4 and 5.
func (b *body) names() error {
	placed := b.with(MaskPlace)
	prefixes := make([]uint64, len(placed))
	prefixEnds := make([]int, len(placed))
	err := b.read(func(c *cursor) (err error) {
		for i := range prefixes {
			if prefixes[i], err = c.varintUpTo(maxPath, codeNamePrefix); err != nil {
				return err
			}
			prefixEnds[i] = c.offset()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.read(func(c *cursor) error {
		var name []byte
		all := 0
		for i, record := range placed {
			if prefixes[i] > uint64(len(name)) {
				return &Error{codeNamePrefix, prefixEnds[i]}
			}
			suffix, err := c.toNUL()
			if err != nil {
				return err
			}
			name = append(name[:prefixes[i]], suffix...)
			if record.Parent == 0 && len(name) > maxPath {
				return c.fail(codePathTooLong)
			}
			if !validPlacedName(record.Parent, name) {
				return c.fail(codeName)
			}
			if all += len(name); all > maxBodyColumn {
				return c.fail(codeColumnTooLarge)
			}
			record.Name = string(name)
		}
		return nil
	})
}

// validPlacedName says whether a record can have the name: a root's is a path.
func validPlacedName(parent uint32, name []byte) bool {
	if parent == 0 {
		return validPath(string(name))
	}
	return validName(name)
}

func (b *body) modes() error {
	return b.read(func(c *cursor) error {
		for _, record := range b.with(MaskMode) {
			mode, err := c.varint()
			if err != nil {
				return err
			}
			if !validMode(mode) {
				return c.fail(codeMode)
			}
			record.Mode = uint16(mode)
		}
		return nil
	})
}

// sizes is columns 7 and 8.
func (b *body) sizes() error {
	sized := b.with(MaskSize)
	var widths []byte
	err := b.read(func(c *cursor) (err error) { widths, err = c.sizeWidths(len(sized)); return err })
	if err != nil {
		return err
	}
	return b.read(func(c *cursor) error {
		sizes, err := c.sizeBits(widths)
		for i := range sizes {
			sized[i].Size = sizes[i]
		}
		return err
	})
}

// mtimes is columns 9 and 10.
func (b *body) mtimes() error {
	timed := b.with(MaskMtime)
	var table []int64
	err := b.read(func(c *cursor) (err error) {
		if len(timed) > 0 {
			table, err = c.timeTable(len(timed))
		}
		return err
	})
	if err != nil {
		return err
	}
	return b.read(func(c *cursor) error {
		mtimes, err := c.times(len(timed), table)
		for i := range mtimes {
			timed[i].Mtime = mtimes[i]
		}
		return err
	})
}
