package qtn1

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Hash128 is a digest (section 6) or an address (section 3, "Groups and manifest").
type Hash128 struct{ Hi, Lo uint64 }

// String is 32 hex digits, the most significant first.
func (h Hash128) String() string {
	return fmt.Sprintf("%016x%016x", h.Hi, h.Lo)
}

// Add is the sum modulo 2^128.
func (h Hash128) Add(other Hash128) Hash128 {
	lo, carry := bits.Add64(h.Lo, other.Lo, 0)
	hi, _ := bits.Add64(h.Hi, other.Hi, carry)
	return Hash128{hi, lo}
}

func hash128(data []byte) Hash128 {
	return Hash128{Hi: xxh64(data, 1), Lo: xxh64(data, 0)}
}

func (h Hash128) appendTo(data []byte) []byte {
	data = binary.LittleEndian.AppendUint64(data, h.Lo)
	return binary.LittleEndian.AppendUint64(data, h.Hi)
}
