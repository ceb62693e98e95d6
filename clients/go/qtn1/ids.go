package qtn1

// ids appends the chunk's ids, which go on from the last one of the chunk before.
func (r *chunkReader) ids() error {
	left := r.chunk.count
	return r.read(columnIDs, func(c *cursor) error {
		if c.left() == 0 {
			return r.run(c, int64(r.lastID)+1, left)
		}
		for left > 0 {
			first, err := c.step(int64(r.lastID)+1, 1, MaxID, codeIDRange)
			if err != nil {
				return err
			}
			length, err := c.varintUpTo(uint64(left), codeIDRuns)
			if err != nil {
				return err
			}
			if length == 0 {
				return c.fail(codeIDRuns)
			}
			if err := r.run(c, first, int(length)); err != nil {
				return err
			}
			left -= int(length)
		}
		return nil
	})
}

// run appends ids that follow each other.
func (r *chunkReader) run(c *cursor, first int64, length int) error {
	last := first + int64(length) - 1
	if last > MaxID {
		return c.fail(codeIDRange)
	}
	for id := uint32(first); id <= uint32(last); id++ {
		r.into.IDs = append(r.into.IDs, id)
		if !r.seen.add(id) {
			return c.fail(codeIDTwice)
		}
	}
	r.lastID = uint32(last)
	return nil
}

// idSet is a set of ids: a bit for each, in pages that are made where ids are.
type idSet struct {
	pages map[uint32]*idPage
	page  *idPage // the last one used: ids mostly follow each other
	at    uint32
}

const idPageBits = 4096

type idPage [idPageBits / 64]uint64

// add says whether id is new.
func (s *idSet) add(id uint32) bool {
	if s.page == nil || id/idPageBits != s.at {
		s.turnTo(id / idPageBits)
	}
	word, bit := &s.page[id%idPageBits/64], uint64(1)<<(id%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}

func (s *idSet) turnTo(at uint32) {
	if s.pages == nil {
		s.pages = map[uint32]*idPage{}
	}
	s.at, s.page = at, s.pages[at]
	if s.page == nil {
		s.page = new(idPage)
		s.pages[at] = s.page
	}
}
