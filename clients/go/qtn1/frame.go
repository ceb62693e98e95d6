package qtn1

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The library takes several frames, and skippable ones, where a column has exactly one: so where the frame ends is
// found here, block by block, before it is handed over.

const (
	blockHeader  = 3
	checksumSize = 4
	maxBlock     = 128 << 10
)

// unpacker has no goroutines of its own: it is only ever asked for whole frames.
var unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxBodyColumn),
		zstd.WithDecodeAllCapLimit(true))
})

// unpackFrame unpacks the frame in stored, which is of rawSize, into buffer if that is large enough. Otherwise it is
// the code of what is wrong.
func unpackFrame(stored []byte, rawSize int, buffer []byte) (raw []byte, code string) {
	var header zstd.Header
	if err := header.Decode(stored); err != nil || header.Skippable {
		return nil, codeZstd
	}
	switch {
	case !header.HasFCS || header.FrameContentSize != uint64(rawSize):
		return nil, codeZstdSize
	case header.DictionaryID != 0 || windowOf(&header) > maxWindow:
		return nil, codeZstdHeader
	case header.HeaderSize > len(stored) || !isOneFrame(stored[header.HeaderSize:], header.HasCheckSum, rawSize):
		return nil, codeZstd
	}
	decoder, err := unpacker()
	if err != nil {
		return nil, codeZstd
	}
	if cap(buffer) < rawSize {
		buffer = make([]byte, rawSize)
	}
	raw, err = decoder.DecodeAll(stored, buffer[:0:rawSize])
	if err != nil || len(raw) != rawSize {
		return nil, codeZstd
	}
	return raw, ""
}

func windowOf(header *zstd.Header) uint64 {
	if header.SingleSegment {
		return header.FrameContentSize
	}
	return header.WindowSize
}

// isOneFrame says whether blocks are those of one frame and nothing else, and could unpack to rawSize bytes.
func isOneFrame(blocks []byte, hasChecksum bool, rawSize int) bool {
	most := 0
	for last := false; !last; {
		if len(blocks) < blockHeader {
			return false
		}
		word := int(blocks[0]) | int(blocks[1])<<8 | int(blocks[2])<<16
		last = word&1 != 0
		kind, size := word>>1&3, word>>3
		if size > maxBlock {
			return false
		}
		stored := size
		switch kind {
		case 0: // as it is
			most += size
		case 1: // one byte, repeated
			most += size
			stored = 1
		default:
			most += maxBlock
		}
		if stored > len(blocks)-blockHeader {
			return false
		}
		blocks = blocks[blockHeader+stored:]
	}
	end := 0
	if hasChecksum {
		end = checksumSize
	}
	return len(blocks) == end && rawSize <= most
}
