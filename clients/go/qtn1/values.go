package qtn1

import (
	"encoding/binary"
	"math"
)

// Columns of values. A chunk and a body of records share those of sizes and times.

// modes appends the modes of n entries.
func (c *cursor) modes(modes []uint16, n int) ([]uint16, error) {
	table, err := c.modeTable(n)
	if err != nil {
		return nil, err
	}
	for ; n > 0; n-- {
		index, err := c.varint()
		if err != nil {
			return nil, err
		}
		if index >= uint64(len(table)) {
			return nil, c.fail(codeModeIndex)
		}
		modes = append(modes, table[index])
	}
	return modes, nil
}

func (c *cursor) modeTable(n int) ([]uint16, error) {
	count, err := c.varintUpTo(uint64(n), codeModeTable)
	if err != nil {
		return nil, err
	}
	stored, err := c.take(2 * count)
	if err != nil {
		return nil, err
	}
	table := make([]uint16, count)
	for i := range table {
		table[i] = binary.LittleEndian.Uint16(stored[2*i:])
		if i > 0 && table[i] <= table[i-1] {
			return nil, c.fail(codeModeTable)
		}
		if !validMode(uint64(table[i])) {
			return nil, c.fail(codeMode)
		}
	}
	return table, nil
}

// sizeWidths is how many significant bits each size has.
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

// sizes appends the sizes: of each, the stream has the bits below its highest one, which is 1 and not told.
func (c *cursor) sizes(sizes []uint64, widths []byte) ([]uint64, error) {
	total := 0
	for _, width := range widths {
		total += max(int(width)-1, 0)
	}
	stream, err := c.take(uint64(total+7) / 8)
	if err != nil {
		return nil, err
	}
	if used := total % 8; used > 0 && stream[len(stream)-1]>>used != 0 {
		return nil, c.fail(codeSizePadding)
	}
	bit := 0
	for _, width := range widths {
		if width < 2 {
			sizes = append(sizes, uint64(width))
			continue
		}
		count := int(width) - 1
		sizes = append(sizes, 1<<count|lowBits(stream, bit, count))
		bit += count
	}
	return sizes, nil
}

// lowBits is count bits of the stream from bit on, least significant first; count is 62 at most.
func lowBits(stream []byte, bit, count int) uint64 {
	from, shift := bit/8, bit%8
	if from+9 <= len(stream) {
		v := binary.LittleEndian.Uint64(stream[from:])>>shift | uint64(stream[from+8])<<(64-shift)
		return v & (1<<count - 1)
	}
	var v uint64
	for i, b := range stream[from:] {
		if i == 0 {
			v = uint64(b) >> shift
		} else {
			v |= uint64(b) << (8*i - shift)
		}
	}
	return v & (1<<count - 1)
}

// timeTable is the distinct mtimes of n entries, or none where each is told by itself.
func (c *cursor) timeTable(n int) ([]int64, error) {
	count, err := c.varintUpTo(uint64(n), codeTimeTable)
	if err != nil || count == 0 {
		return nil, err
	}
	last, err := c.zigzag()
	if err != nil {
		return nil, err
	}
	table := []int64{last}
	for uint64(len(table)) < count {
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

// times appends the mtimes of n entries.
func (c *cursor) times(mtimes []int64, n int, table []int64) ([]int64, error) {
	var index, mtime int64
	for ; n > 0; n-- {
		delta, err := c.zigzag()
		if err != nil {
			return nil, err
		}
		if table == nil {
			mtime += delta
		} else {
			if delta < -index || delta >= int64(len(table))-index {
				return nil, c.fail(codeTimeIndex)
			}
			index += delta
			mtime = table[index]
		}
		mtimes = append(mtimes, mtime)
	}
	return mtimes, nil
}
