package qtn1

import (
	"encoding/binary"
	"math/bits"
)

const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

// xxh64 is XXH64 of data.
func xxh64(data []byte, seed uint64) uint64 {
	size := uint64(len(data))
	h := seed + prime5
	if size >= 32 {
		// Four variables, as an array of lanes would not stay in registers: this is half of a snapshot's check.
		a, b, c, d := seed+prime1+prime2, seed+prime2, seed, seed-prime1
		for len(data) >= 32 {
			a = xxhRound(a, binary.LittleEndian.Uint64(data))
			b = xxhRound(b, binary.LittleEndian.Uint64(data[8:]))
			c = xxhRound(c, binary.LittleEndian.Uint64(data[16:]))
			d = xxhRound(d, binary.LittleEndian.Uint64(data[24:]))
			data = data[32:]
		}
		h = bits.RotateLeft64(a, 1) + bits.RotateLeft64(b, 7) + bits.RotateLeft64(c, 12) + bits.RotateLeft64(d, 18)
		h = xxhMerge(xxhMerge(xxhMerge(xxhMerge(h, a), b), c), d)
	}
	h += size
	for ; len(data) >= 8; data = data[8:] {
		h = bits.RotateLeft64(h^xxhRound(0, binary.LittleEndian.Uint64(data)), 27)*prime1 + prime4
	}
	if len(data) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(data))*prime1, 23)*prime2 + prime3
		data = data[4:]
	}
	for _, b := range data {
		h = bits.RotateLeft64(h^uint64(b)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

func xxhRound(lane, word uint64) uint64 {
	return bits.RotateLeft64(lane+word*prime2, 31) * prime1
}

func xxhMerge(h, lane uint64) uint64 {
	return (h^xxhRound(0, lane))*prime1 + prime4
}
