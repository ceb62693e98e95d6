package qtn1

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
)

// A zstd frame as section 1 wants it: RFC 8878, section 3.1.1. Its header and the extent of its blocks are looked at
// here, before anything is allocated; what is in the blocks is the library's.

const (
	frameMagic   = 0xFD2FB528
	maxBlock     = 128 << 10
	blockRaw     = 0
	blockRLE     = 1
	blockZstd    = 2
	blockHeader  = 3
	checksumSize = 4
)

var unpacker, errUnpacker = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
	zstd.WithDecoderMaxMemory(maxBodyColumn), zstd.WithDecodeAllCapLimit(true))

type frameHeader struct {
	hasContentSize bool
	contentSize    uint64
	window         uint64
	dictionary     uint64
	checksum       bool
	size           int // of the header itself
}

// unpackFrame is what the frame in stored unpacks to, which is of rawSize; otherwise the code of what is wrong.
func unpackFrame(stored []byte, rawSize uint64) (raw []byte, code string) {
	header, ok := parseFrameHeader(stored)
	switch {
	case !ok:
		return nil, codeZstd
	case !header.hasContentSize || header.contentSize != rawSize:
		return nil, codeZstdSize
	case header.dictionary != 0 || header.window > maxWindow:
		return nil, codeZstdHeader
	case !holdsFrame(stored[header.size:], header, rawSize):
		return nil, codeZstd
	case errUnpacker != nil:
		return nil, codeZstd
	}
	raw, err := unpacker.DecodeAll(stored, make([]byte, 0, rawSize))
	if err != nil || uint64(len(raw)) != rawSize {
		return nil, codeZstd
	}
	return raw, ""
}

// parseFrameHeader is the frame's header; not ok where it is none or is cut off.
func parseFrameHeader(stored []byte) (header frameHeader, ok bool) {
	if len(stored) < 5 || binary.LittleEndian.Uint32(stored) != frameMagic {
		return header, false
	}
	descriptor := stored[4]
	singleSegment := descriptor&0x20 != 0
	reserved := descriptor&0x08 != 0
	header.checksum = descriptor&0x04 != 0

	windowBytes := 1
	if singleSegment {
		windowBytes = 0
	}
	dictionaryBytes := [4]int{0, 1, 2, 4}[descriptor&3]
	contentBytes := [4]int{0, 2, 4, 8}[descriptor>>6]
	if contentBytes == 0 && singleSegment {
		contentBytes = 1
	}
	header.size = 5 + windowBytes + dictionaryBytes + contentBytes
	if reserved || len(stored) < header.size {
		return header, false
	}

	fields := stored[5:header.size]
	header.dictionary = littleEndian(fields[windowBytes : windowBytes+dictionaryBytes])
	header.contentSize = littleEndian(fields[windowBytes+dictionaryBytes:])
	header.hasContentSize = contentBytes > 0
	if contentBytes == 2 {
		header.contentSize += 256
	}
	if singleSegment {
		header.window = header.contentSize
	} else {
		base := uint64(1) << (10 + fields[0]>>3)
		header.window = base + base/8*uint64(fields[0]&7)
	}
	return header, true
}

// holdsFrame says whether blocks are those of one frame and nothing else, and could unpack to rawSize bytes.
func holdsFrame(blocks []byte, header frameHeader, rawSize uint64) bool {
	var most uint64
	for last := false; !last; {
		if len(blocks) < blockHeader {
			return false
		}
		word := littleEndian(blocks[:blockHeader])
		last = word&1 != 0
		kind, size := word>>1&3, word>>3
		stored := size
		switch kind {
		case blockRaw:
			most += size
		case blockRLE:
			most += size
			stored = 1
		case blockZstd:
			most += maxBlock
		default:
			return false
		}
		blocks = blocks[blockHeader:]
		if size > maxBlock || stored > uint64(len(blocks)) {
			return false
		}
		blocks = blocks[stored:]
	}
	if header.checksum {
		return len(blocks) == checksumSize && rawSize <= most
	}
	return len(blocks) == 0 && rawSize <= most
}

func littleEndian(b []byte) (v uint64) {
	for i := range b {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}
