package qtn1

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Hash is 128 bits: a digest, or a group's address. Hashes add up modulo 2^128.
type Hash struct{ Hi, Lo uint64 }

// String is 32 hex digits, the most significant first.
func (h Hash) String() string {
	return fmt.Sprintf("%016x%016x", h.Hi, h.Lo)
}

// Add is h + other.
func (h Hash) Add(other Hash) Hash {
	lo, carry := bits.Add64(h.Lo, other.Lo, 0)
	hi, _ := bits.Add64(h.Hi, other.Hi, carry)
	return Hash{hi, lo}
}

// Sub is h - other.
func (h Hash) Sub(other Hash) Hash {
	lo, borrow := bits.Sub64(h.Lo, other.Lo, 0)
	hi, _ := bits.Sub64(h.Hi, other.Hi, borrow)
	return Hash{hi, lo}
}

func hashOf(data []byte) Hash {
	return Hash{Hi: xxh64(data, 1), Lo: xxh64(data, 0)}
}

const hashHead = 36 // bytes of what is hashed of an entry, before its name

// hashBuffer is where what is hashed of an entry is put together; it serves one entry after the other.
type hashBuffer [hashHead + maxName]byte

func (b *hashBuffer) entry(name string, mode uint16, size uint64, mtime int64, digest Hash) Hash {
	binary.LittleEndian.PutUint32(b[0:], uint32(mode))
	binary.LittleEndian.PutUint64(b[4:], size)
	binary.LittleEndian.PutUint64(b[12:], uint64(mtime))
	binary.LittleEndian.PutUint64(b[20:], digest.Lo)
	binary.LittleEndian.PutUint64(b[28:], digest.Hi)
	return hashOf(b[:hashHead+copy(b[hashHead:], name)])
}

// EntryHash is what an entry adds to the digest of its directory. digest is its own: zero, but for a directory.
func EntryHash(name string, mode uint16, size uint64, mtime int64, digest Hash) Hash {
	var buffer hashBuffer
	return buffer.entry(name, mode, size, mtime, digest)
}

// RootHash is what a root adds to the digest of the service. digest is the root's own.
func RootHash(path string, digest Hash) Hash {
	data := make([]byte, 0, 16+len(path))
	data = binary.LittleEndian.AppendUint64(data, digest.Lo)
	data = binary.LittleEndian.AppendUint64(data, digest.Hi)
	return hashOf(append(data, path...))
}
