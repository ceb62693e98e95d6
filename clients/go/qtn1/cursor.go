package qtn1

import (
	"bytes"
	"encoding/binary"
	"math"
)

// cursor reads a document, or one column of it, from front to back.
type cursor struct {
	data   []byte
	pos    int
	base   int  // where data[0], or the stored bytes of a packed column, stand in the document
	packed bool // data is what a compressed column unpacked to
}

func (c *cursor) offset() int {
	if c.packed {
		return c.base
	}
	return c.base + c.pos
}

func (c *cursor) fail(code string) error {
	return &Error{code, c.offset()}
}

func (c *cursor) left() int { return len(c.data) - c.pos }

// end is the rule that everything is read to its end.
func (c *cursor) end() error {
	if c.left() > 0 {
		return c.fail(codeBytesLeftOver)
	}
	return nil
}

func (c *cursor) take(n uint64) ([]byte, error) {
	if n > uint64(c.left()) {
		return nil, c.fail(codeTruncated)
	}
	taken := c.data[c.pos : c.pos+int(n)]
	c.pos += int(n)
	return taken, nil
}

func (c *cursor) u64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (c *cursor) hash() (Hash, error) {
	lo, err := c.u64()
	if err != nil {
		return Hash{}, err
	}
	hi, err := c.u64()
	return Hash{hi, lo}, err
}

func (c *cursor) varint() (uint64, error) {
	if c.pos < len(c.data) && c.data[c.pos] < 0x80 { // nearly all of them: small enough to be inlined
		c.pos++
		return uint64(c.data[c.pos-1]), nil
	}
	return c.longVarint()
}

func (c *cursor) longVarint() (uint64, error) {
	var v uint64
	for i, b := range c.data[c.pos:] {
		if i == 9 && b > 1 {
			return 0, c.fail(codeVarintTooLong)
		}
		v |= uint64(b&0x7F) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, c.fail(codeVarintNotShortest)
			}
			c.pos += i + 1
			return v, nil
		}
	}
	return 0, c.fail(codeTruncated)
}

// varintUpTo is a varint of at most most; above, the document is refused with code.
func (c *cursor) varintUpTo(most uint64, code string) (uint64, error) {
	v, err := c.varint()
	if err == nil && v > most {
		err = c.fail(code)
	}
	return v, err
}

func (c *cursor) zigzag() (int64, error) {
	v, err := c.varint()
	return int64(v>>1) ^ -int64(v&1), err
}

// step is previous plus a zigzag, within least and most; outside, the document is refused with code.
func (c *cursor) step(previous, least, most int64, code string) (int64, error) {
	delta, err := c.zigzag()
	if err != nil {
		return 0, err
	}
	overflows := delta > 0 && previous > math.MaxInt64-delta || delta < 0 && previous < math.MinInt64-delta
	if sum := previous + delta; !overflows && sum >= least && sum <= most {
		return sum, nil
	}
	return 0, c.fail(code)
}

// toNUL is what stands before the next NUL, which is passed over.
func (c *cursor) toNUL() ([]byte, error) {
	n := bytes.IndexByte(c.data[c.pos:], 0)
	if n < 0 {
		return nil, c.fail(codeTruncated)
	}
	taken := c.data[c.pos : c.pos+n]
	c.pos += n + 1
	return taken, nil
}
