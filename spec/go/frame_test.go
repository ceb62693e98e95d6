package qtn1

import (
	"bytes"
	"testing"
)

// frame writes a frame of one RLE block, by hand: header is all before it but the magic.
func frame(header []byte, size int) []byte {
	word := 1 | blockRLE<<1 | size<<3
	stored := append([]byte{0x28, 0xB5, 0x2F, 0xFD}, header...)
	return append(stored, byte(word), byte(word>>8), byte(word>>16), 'a')
}

func TestFrames(t *testing.T) {
	single := []byte{0x60, 200 - 1, 0} // a size of 2 bytes, less 256
	right := frame(single, 455)
	raw, code := unpackFrame(right, 455)
	if code != "" || !bytes.Equal(raw, bytes.Repeat([]byte{'a'}, 455)) {
		t.Errorf("%q", code)
	}
	twice := append(append([]byte{}, right...), right...)
	for name, wrong := range map[string]struct {
		code   string
		stored []byte
	}{
		"no content size":     {codeZstdSize, frame([]byte{0, 0x50}, 455)},
		"another size":        {codeZstdSize, frame([]byte{0x60, 1, 0}, 455)},
		"dictionary":          {codeZstdHeader, frame([]byte{0x61, 7, 199, 0}, 455)},
		"window":              {codeZstdHeader, frame([]byte{0x40, 13<<3 | 1, 199, 0}, 455)},
		"reserved":            {codeZstd, frame([]byte{0x68, 199, 0}, 455)},
		"holds less":          {codeZstd, frame(single, 454)},
		"holds more":          {codeZstd, frame(single, 456)},
		"two frames":          {codeZstd, twice},
		"a byte after it":     {codeZstd, twice[:len(right)+1]},
		"cut off":             {codeZstd, right[:len(right)-1]},
		"skippable":           {codeZstd, []byte{0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0}},
		"checksum missing":    {codeZstd, frame([]byte{0x64, 199, 0}, 455)},
		"checksum wrong":      {codeZstd, append(frame([]byte{0x64, 199, 0}, 455), 1, 2, 3, 4)},
		"nothing":             {codeZstd, nil},
		"reserved block":      {codeZstd, append(right[:7:7], 7, 0, 0)},
		"promises a lot":      {codeZstdSize, frame([]byte{0xA0, 0, 0, 0, 0x40}, 455)},
		"not what it unpacks": {codeZstd, append(right[:7:7], 5|3<<3, 0, 0, 0, 0, 0)},
	} {
		if _, code := unpackFrame(wrong.stored, 455); code != wrong.code {
			t.Errorf("%s: %q", name, code)
		}
	}
	if _, code := unpackFrame(frame([]byte{0x40, 13 << 3, 199, 0}, 455), 455); code != "" {
		t.Errorf("a window of 8 MiB: %q", code)
	}
}

func TestColumns(t *testing.T) {
	for code, data := range map[string][]byte{
		codeColumnTooLarge: uvarints(maxColumn+1, 0),
		codeColumnSize:     {1, 2, 0, 0},
		codeTruncated:      {2, 2, 0},
	} {
		_, err := (&cursor{data: data}).opened(maxColumn)
		refused(t, err, code)
	}
}
