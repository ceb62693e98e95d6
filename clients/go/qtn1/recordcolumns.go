package qtn1

func (b *body) parents() error {
	return b.read(func(c *cursor) (err error) {
		parent := int64(0)
		for _, record := range b.with(MaskPlace) {
			if parent, err = c.step(parent, 0, MaxID, codeIDRange); err != nil {
				return err
			}
			record.Parent = uint32(parent)
		}
		return nil
	})
}

// names is two columns: how much each name has in common with the one before, and what follows.
func (b *body) names() error {
	placed := b.with(MaskPlace)
	prefixes := make([]int, len(placed))
	prefixEnd := 0
	err := b.read(func(c *cursor) error {
		for i := range prefixes {
			prefix, err := c.varintUpTo(maxPath, codeNamePrefix)
			if err != nil {
				return err
			}
			prefixes[i] = int(prefix)
		}
		prefixEnd = c.offset()
		return nil
	})
	if err != nil {
		return err
	}
	return b.read(func(c *cursor) error {
		var name []byte
		all := 0
		for i, record := range placed {
			if prefixes[i] > len(name) {
				return &Error{codeNamePrefix, prefixEnd}
			}
			suffix, err := c.toNUL()
			if err != nil {
				return err
			}
			name = append(name[:prefixes[i]], suffix...)
			if all += len(name); all > maxBodyColumn {
				return c.fail(codeColumnTooLarge)
			}
			record.Name = string(name)
			if code := nameDefect(&record.Entry); code != "" {
				return c.fail(code)
			}
		}
		return nil
	})
}

// nameDefect says what is wrong with the name of a placed entry: a root's is a path.
func nameDefect(e *Entry) string {
	switch {
	case e.Parent != 0:
		if !validName(e.Name) {
			return codeName
		}
	case len(e.Name) > maxPath:
		return codePathTooLong
	case !validPath(e.Name):
		return codeName
	}
	return ""
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

func (b *body) sizes() error {
	sized := b.with(MaskSize)
	var widths []byte
	err := b.read(func(c *cursor) error {
		told, err := c.sizeWidths(len(sized))
		widths = append(widths, told...)
		return err
	})
	if err != nil {
		return err
	}
	return b.read(func(c *cursor) error {
		sizes, err := c.sizes(make([]uint64, 0, len(sized)), widths)
		for i := range sizes {
			sized[i].Size = sizes[i]
		}
		return err
	})
}

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
		mtimes, err := c.times(make([]int64, 0, len(timed)), len(timed), table)
		for i := range mtimes {
			timed[i].Mtime = mtimes[i]
		}
		return err
	})
}
