package qtn1

import (
	"encoding/binary"
	"math"
)

// Columns of values: a chunk (section 3) and a body of records (section 4) share those of sizes and times.

// modes is column 6 of a chunk.
func (c *cursor) modes(n int) ([]uint16, error) {
	count, err := c.varintUpTo(uint64(n), codeModeTable)
	if err != nil {
		return nil, err
	}
	table := make([]uint16, count)
	for i := range table {
		b, err := c.take(2)
		if err != nil {
			return nil, err
		}
		table[i] = binary.LittleEndian.Uint16(b)
		if i > 0 && table[i] <= table[i-1] {
			return nil, c.fail(codeModeTable)
		}
		if !validMode(uint64(table[i])) {
			return nil, c.fail(codeMode)
		}
	}
	modes := make([]uint16, n)
	for i := range modes {
		index, err := c.varint()
		if err != nil {
			return nil, err
		}
		if index >= count {
			return nil, c.fail(codeModeIndex)
		}
		modes[i] = table[index]
	}
	return modes, nil
}

// sizeWidths is column 7: how many significant bits each size has.
func (c *cursor) sizeWidths(n int) ([]byte, error) {
	widths, err := c.take(uint64(n))
	if err != nil {
		return nil, err
	}
	for _, width := range widths {
		if width > maxSizeWidth {
			return nil, c.fail(codeSizeWidth)
		}
	}
	return widths, nil
}

// sizeBits is column 8: of each size the bits below its highest one, which is 1 and not told.
func (c *cursor) sizeBits(widths []byte) ([]uint64, error) {
	var total uint64
	for _, width := range widths {
		if width > 1 {
			total += uint64(width) - 1
		}
	}
	stream, err := c.take((total + 7) / 8)
	if err != nil {
		return nil, err
	}
	if used := total % 8; used > 0 && stream[len(stream)-1]>>used != 0 {
		return nil, c.fail(codeSizePadding)
	}
	sizes := make([]uint64, len(widths))
	bit := 0
	for i, width := range widths {
		if width > 0 {
			sizes[i] = 1<<(width-1) | lowBits(stream, bit, int(width)-1)
			bit += int(width) - 1
		}
	}
	return sizes, nil
}

// lowBits is count bits of the stream from bit on, least significant first.
func lowBits(stream []byte, bit, count int) (v uint64) {
	for done := 0; done < count; {
		b := uint64(stream[bit/8] >> (bit % 8))
		step := 8 - bit%8
		if step > count-done {
			step = count - done
		}
		v |= (b & (1<<step - 1)) << done
		done += step
		bit += step
	}
	return v
}

// timeTable is column 9: the distinct mtimes of n entries, or none where each is told by itself.
func (c *cursor) timeTable(n int) ([]int64, error) {
	count, err := c.varintUpTo(uint64(n), codeTimeTable)
	if err != nil || count == 0 {
		return nil, err
	}
	first, err := c.zigzag()
	if err != nil {
		return nil, err
	}
	table := []int64{first}
	for last := first; uint64(len(table)) < count; {
		distance, err := c.varint()
		if err != nil {
			return nil, err
		}
		if distance == 0 || distance > uint64(math.MaxInt64)-uint64(last) {
			return nil, c.fail(codeTimeTable)
		}
		last += int64(distance)
		table = append(table, last)
	}
	return table, nil
}

// times is column 10.
func (c *cursor) times(n int, table []int64) ([]int64, error) {
	var mtimes []int64
	var index, mtime int64
	for i := 0; i < n; i++ {
		if len(table) == 0 {
			delta, err := c.zigzag()
			if err != nil {
				return nil, err
			}
			mtime += delta
		} else {
			var err error
			if index, err = c.step(index, 0, int64(len(table))-1, codeTimeIndex); err != nil {
				return nil, err
			}
			mtime = table[index]
		}
		mtimes = append(mtimes, mtime)
	}
	return mtimes, nil
}
