package eventstream

import "unicode/utf8"

// appendUTF8 appends text decoded as the Encoding standard says: each maximal part that could begin a character, and
// each byte that could not, is one U+FFFD. (Go's own conversions have one for each byte, or for each run of them.)
func appendUTF8(to, text []byte) []byte {
	if utf8.Valid(text) {
		return append(to, text...)
	}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			size = truncatedSize(text)
			to = append(to, "\uFFFD"...)
		} else {
			to = append(to, text[:size]...)
		}
		text = text[size:]
	}
	return to
}

// truncatedSize is how many bytes at the beginning of text, which begins with no whole character, could begin one.
func truncatedSize(text []byte) int {
	least, most, follow := byte(0x80), byte(0xBF), 0 // of the byte that comes next; how many come
	switch lead := text[0]; {
	case lead >= 0xC2 && lead <= 0xDF:
		follow = 1
	case lead >= 0xE0 && lead <= 0xEF:
		follow = 2
		if lead == 0xE0 {
			least = 0xA0
		} else if lead == 0xED {
			most = 0x9F
		}
	case lead >= 0xF0 && lead <= 0xF4:
		follow = 3
		if lead == 0xF0 {
			least = 0x90
		} else if lead == 0xF4 {
			most = 0x8F
		}
	}
	size := 1
	for size <= follow && size < len(text) && text[size] >= least && text[size] <= most {
		least, most = 0x80, 0xBF
		size++
	}
	return size
}
