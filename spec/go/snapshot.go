package qtn1

// Snapshot is a directory with everything below it (section 3).
type Snapshot struct {
	Header
	Entries []Entry // in directory order
}

// DecodeSnapshot reads a snapshot and checks everything that can be checked of one.
func DecodeSnapshot(doc []byte, options Options) (*Snapshot, error) {
	c, _, err := open(doc, KindSnapshot)
	if err != nil {
		return nil, err
	}
	header, chunks, err := c.header(options)
	if err != nil {
		return nil, err
	}
	rows, err := c.entries(&header, chunks)
	if err != nil {
		return nil, err
	}
	parents, code := rows.link(header.Top.ID, header.Children, 0)
	if code != "" {
		return nil, c.fail(code)
	}
	if digestOf(rows.entries, parents) != header.Digest {
		return nil, c.fail(codeDigest)
	}
	return &Snapshot{header, rows.entries}, nil
}

// entries reads the chunks, to the end of the document.
func (c *cursor) entries(header *Header, chunks int) (rows listing, err error) {
	seen := idSet{}
	seen.add(header.Top.ID)
	last := header.Top.ID
	for ; chunks > 0; chunks-- {
		ch, err := c.chunk(header.Entries - len(rows.entries))
		if err != nil {
			return rows, err
		}
		part, err := ch.decode(last, header.Entries)
		if err != nil {
			return rows, err
		}
		for i := range part.entries {
			last = part.entries[i].ID
			if !seen.add(last) {
				return rows, &Error{codeIDTwice, ch.columns[columnIDs].base}
			}
		}
		rows.append(part)
	}
	if len(rows.entries) < header.Entries {
		return rows, c.fail(codeEntryCount)
	}
	return rows, c.end()
}

// idSet is a set of ids: a bit for each, in pages that are made where ids are.
type idSet map[uint32]*[64]uint64

// add says whether id is new.
func (s idSet) add(id uint32) bool {
	page := s[id/4096]
	if page == nil {
		page = new([64]uint64)
		s[id/4096] = page
	}
	word, bit := &page[id/64%64], uint64(1)<<(id%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}
