// Package eventstream reads text/event-stream to the letter of the HTML standard (section 9.2.6), and gathers what it
// reads into batches. It knows no sockets and no clocks: bytes go in, and frames and batches come out.
package eventstream

import (
	"bytes"
	"errors"
	"math"
)

// ErrTooLarge says that an event, or a batch, has more bytes than its bound.
var ErrTooLarge = errors.New("more bytes than the bound allows")

// Frame is what stands before a blank line.
type Frame struct {
	Event   string // "message" where none is named
	Data    string
	HasData bool // without data no event is fired
	ID      string
	BearsID bool // it has an id line of its own
	Bytes   int  // of the stream, as they came
}

// Parser is fed a stream piece by piece. The zero value, with a bound, stands at the beginning of a stream.
type Parser struct {
	MaxEventBytes int

	bytes     int    // of the frame so far
	line      []byte // what was fed of a line that has not ended
	afterCR   bool   // a line feed that comes next ended the line already
	afterLine bool   // a byte order mark stands before the first line only
	data      []byte
	event     string
	id        string
	bearsID   bool
	lastID    string
	retryMS   int64
	hasRetry  bool
}

// LastID is the last event's id, as the standard has it.
func (p *Parser) LastID() string { return p.lastID }

// Retry is the last retry that was told, in milliseconds.
func (p *Parser) Retry() (ms int64, told bool) { return p.retryMS, p.hasRetry }

// Feed reads a piece and hands over each frame that ends in it. An error is ErrTooLarge, or what frame gave back; the
// stream can't be read on then.
func (p *Parser) Feed(piece []byte, frame func(Frame) error) error {
	lf, cr := -1, -1 // the next of each, from the beginning of what is left; looked for again once they are passed
	for start := 0; start < len(piece); {
		if p.afterCR {
			p.afterCR = false
			if piece[start] == '\n' {
				start++
				continue
			}
		}
		lf, cr = next(piece, '\n', lf, start), next(piece, '\r', cr, start)
		end := min(lf, cr)
		if p.bytes += end - start; p.bytes > p.MaxEventBytes {
			return ErrTooLarge
		}
		if end == len(piece) {
			p.line = append(p.line, piece[start:]...)
			return nil
		}
		p.afterCR = end == cr
		if err := p.endLine(piece[start:end], frame); err != nil {
			return err
		}
		start = end + 1
	}
	return nil
}

// next is where b stands at or after start; at is where it was found last.
func next(piece []byte, b byte, at, start int) int {
	if at >= start {
		return at
	}
	if i := bytes.IndexByte(piece[start:], b); i >= 0 {
		return start + i
	}
	return len(piece)
}

func (p *Parser) endLine(rest []byte, frame func(Frame) error) error {
	line := rest
	if len(p.line) > 0 {
		line = append(p.line, rest...)
		p.line = line[:0]
	}
	if !p.afterLine {
		p.afterLine = true
		line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	}
	if len(line) == 0 {
		return p.dispatch(frame)
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	p.field(string(name), bytes.TrimPrefix(value, []byte(" ")))
	return nil
}

func (p *Parser) field(name string, value []byte) {
	switch name {
	case "data":
		p.data = append(appendUTF8(p.data, value), '\n')
	case "event":
		p.event = string(appendUTF8(nil, value))
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			p.id, p.bearsID = string(appendUTF8(nil, value)), true
		}
	case "retry":
		if ms, ok := digits(value); ok {
			p.retryMS, p.hasRetry = ms, true
		}
	}
}

// digits is the number that value is, if it has digits alone; a larger one than can be held is the largest.
func digits(value []byte) (n int64, ok bool) {
	for _, b := range value {
		if b < '0' || b > '9' {
			return 0, false
		}
		if digit := int64(b - '0'); n > (math.MaxInt64-digit)/10 {
			n = math.MaxInt64
		} else {
			n = 10*n + digit
		}
	}
	return n, len(value) > 0
}

func (p *Parser) dispatch(frame func(Frame) error) error {
	p.lastID = p.id
	f := Frame{Event: p.event, HasData: len(p.data) > 0, ID: p.id, BearsID: p.bearsID, Bytes: p.bytes}
	if f.Event == "" {
		f.Event = "message"
	}
	if f.HasData {
		f.Data = string(p.data[:len(p.data)-1])
	}
	p.data, p.event, p.bearsID, p.bytes = p.data[:0], "", false, 0
	if cap(p.data) > keptBytes {
		p.data = nil
	}
	if cap(p.line) > keptBytes {
		p.line = nil
	}
	if !f.HasData && !f.BearsID {
		return nil
	}
	return frame(f)
}

// keptBytes is how large a buffer may be to be kept for the next event: a tree is large, and comes once.
const keptBytes = 1 << 20
