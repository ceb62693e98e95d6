package qtn1

// Header is what a snapshot and a manifest begin with.
type Header struct {
	Epoch    uint64
	Seq      uint64
	Top      Top
	Digest   Hash // of the top entry
	Entries  int  // the top entry not counted
	Children int  // of the top entry
}

// Top is a snapshot's top entry, a directory.
type Top struct {
	ID    uint32
	Path  string
	Mode  uint16
	Mtime int64 // nanoseconds since 1970
}

// header reads a header and the chunk count after it.
func (c *cursor) header(limits Limits) (h Header, chunks int, err error) {
	if h.Epoch, err = c.u64(); err != nil {
		return h, 0, err
	}
	if h.Seq, err = c.varint(); err != nil {
		return h, 0, err
	}
	if h.Top, err = c.top(); err != nil {
		return h, 0, err
	}
	if h.Digest, err = c.hash(); err != nil {
		return h, 0, err
	}
	entries, err := c.varintUpTo(limits.entries(), codeTooManyEntries)
	if err != nil {
		return h, 0, err
	}
	children, err := c.varintUpTo(entries, codeChildCounts)
	if err != nil {
		return h, 0, err
	}
	chunkCount, err := c.varintUpTo(entries, codeChunkCount)
	h.Entries, h.Children = int(entries), int(children)
	return h, int(chunkCount), err
}

func (c *cursor) top() (top Top, err error) {
	id, err := c.varintUpTo(MaxID, codeIDRange)
	if err != nil {
		return top, err
	}
	if id == 0 {
		return top, c.fail(codeIDRange)
	}
	size, err := c.varintUpTo(maxPath, codePathTooLong)
	if err != nil {
		return top, err
	}
	path, err := c.take(size)
	if err != nil {
		return top, err
	}
	mode, err := c.varint()
	if err != nil {
		return top, err
	}
	if !validMode(mode) {
		return top, c.fail(codeMode)
	}
	mtime, err := c.zigzag()
	if err != nil {
		return top, err
	}
	if !validPath(string(path)) || !IsDirectory(uint16(mode)) {
		return top, c.fail(codeTopEntry)
	}
	return Top{uint32(id), string(path), uint16(mode), mtime}, nil
}
