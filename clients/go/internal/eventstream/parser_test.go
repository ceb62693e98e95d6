package eventstream

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// feed parses pieces; Bytes is left out of the frames.
func feed(t testing.TB, p *Parser, pieces ...string) (frames []Frame) {
	t.Helper()
	for _, piece := range pieces {
		err := p.Feed([]byte(piece), func(f Frame) error {
			f.Bytes = 0
			frames = append(frames, f)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return frames
}

func event(name, data, id string, bears bool) Frame {
	return Frame{Event: name, Data: data, HasData: true, ID: id, BearsID: bears}
}

var cases = []struct {
	stream string
	want   []Frame
}{
	{"", nil},
	{"data: a\n\n", []Frame{event("message", "a", "", false)}},
	{"data: a\n", nil},
	{"data: a", nil},
	{"data\n\n", []Frame{event("message", "", "", false)}},
	{"data:\ndata\n\n", []Frame{event("message", "\n", "", false)}},
	{"data:  a\n\n", []Frame{event("message", " a", "", false)}},
	{"data:a:b\n\n", []Frame{event("message", "a:b", "", false)}},
	{"event: x\n\ndata: a\n\n", []Frame{event("message", "a", "", false)}},
	{"event: x\ndata: a\n\ndata: b\n\n", []Frame{event("x", "a", "", false), event("message", "b", "", false)}},
	{"id: 1\ndata: a\n\ndata: b\n\n", []Frame{event("message", "a", "1", true), event("message", "b", "1", false)}},
	{"id: 1\n\n", []Frame{{Event: "message", ID: "1", BearsID: true}}},
	{"id: 1\ndata: a\n\nid\ndata: b\n\n", []Frame{event("message", "a", "1", true), event("message", "b", "", true)}},
	{"id: 1\x00\ndata: a\n\n", []Frame{event("message", "a", "", false)}},
	{": comment\n\n:\n\n", nil},
	{"\ufeffdata: a\n\n", []Frame{event("message", "a", "", false)}},
	{"\ufeff\ufeffdata: a\n\n", nil},
	{"\n\ufeffdata: a\n\n", nil},
	{"Data: a\nda ta: a\n\n", nil},
	{"data: \xff\xe2\x82\n\n", []Frame{event("message", "\ufffd\ufffd", "", false)}},
}

func TestCases(t *testing.T) {
	for _, c := range cases {
		for name, end := range map[string]string{"LF": "\n", "CR": "\r", "CRLF": "\r\n"} {
			stream := strings.ReplaceAll(c.stream, "\n", end)
			if got := feed(t, &Parser{MaxEventBytes: 1 << 20}, stream); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q with %s: %+v", c.stream, name, got)
			}
			if got := feed(t, &Parser{MaxEventBytes: 1 << 20}, bytewise(stream)...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q with %s, byte by byte: %+v", c.stream, name, got)
			}
		}
	}
}

func bytewise(stream string) (pieces []string) {
	for i := range len(stream) {
		pieces = append(pieces, stream[i:i+1])
	}
	return pieces
}

func TestACarriageReturnDispatchesAtOnce(t *testing.T) {
	p := &Parser{MaxEventBytes: 100}
	if got := feed(t, p, "data: a\r\r"); len(got) != 1 {
		t.Error(got)
	}
	if got := feed(t, p, "\ndata: b\r\n\r"); len(got) != 1 || got[0].Data != "b" {
		t.Error(got)
	}
}

func TestRetry(t *testing.T) {
	p := &Parser{MaxEventBytes: 1000}
	feed(t, p, "retry: 7\nretry: 1x\nretry: -1\nretry:\nretry: ٣\n")
	if ms, told := p.Retry(); ms != 7 || !told {
		t.Error(ms, told)
	}
	feed(t, p, "retry: 99999999999999999999999\n")
	if ms, _ := p.Retry(); ms != 1<<63-1 {
		t.Error(ms)
	}
}

func TestBounds(t *testing.T) {
	nothing := func(Frame) error { return nil }
	for _, text := range []string{
		strings.Repeat("x", 101), "data: " + strings.Repeat("x", 95), strings.Repeat("data:\n", 21),
	} {
		for _, pieces := range [][]string{{text}, bytewise(text)} {
			p, err := &Parser{MaxEventBytes: 100}, error(nil)
			for _, piece := range pieces {
				err = errors.Join(err, p.Feed([]byte(piece), nothing))
			}
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%q in %d: %v", text, len(pieces), err)
			}
		}
	}
	many := &Parser{MaxEventBytes: 100}
	if err := many.Feed([]byte(strings.Repeat("data: x\n\n", 1000)), nothing); err != nil {
		t.Error(err)
	}
	g := Gatherer{MaxBatchBytes: 100}
	f := Frame{HasData: true, Bytes: 60}
	if _, _, err := g.Add(f); err != nil {
		t.Error(err)
	}
	if _, _, err := g.Add(f); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestABatchIsHandedOnWhole(t *testing.T) {
	g := Gatherer{MaxBatchBytes: 100}
	if _, done, _ := g.Add(event("change", "a", "0", false)); done {
		t.Error("it has no clock yet")
	}
	batch, done, _ := g.Add(event("message", "b", "1", true))
	if !done || batch.Clock != "1" || len(batch.Events) != 2 || batch.Events[0].ID != "1" {
		t.Errorf("%+v", batch)
	}
	if batch, done, _ = g.Add(Frame{ID: "2", BearsID: true}); !done || batch.Clock != "2" || len(batch.Events) != 0 {
		t.Errorf("%+v", batch)
	}
}

// The examples of the Encoding standard, and of chapter 3 of Unicode's.
func TestUTF8(t *testing.T) {
	for text, want := range map[string]string{
		"aé€\U0001F600":        "aé€\U0001F600",
		"\xc0\xaf":             "\ufffd\ufffd",
		"\xe0\x9f\x80":         "\ufffd\ufffd\ufffd",
		"\xed\xa0\x80":         "\ufffd\ufffd\ufffd",
		"\xf4\x91\x92\x93":     "\ufffd\ufffd\ufffd\ufffd",
		"\xe2\x82":             "\ufffd",
		"\xe2\x82A":            "\ufffdA",
		"\xf0\x9f\x98":         "\ufffd",
		"\xf0\x9f\x98\xf0":     "\ufffd\ufffd",
		"\xf1\x80\xe1\x80\xc2": "\ufffd\ufffd\ufffd",
		"\x80\xff":             "\ufffd\ufffd",
	} {
		if got := string(appendUTF8(nil, []byte(text))); got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		fruitless int
		random    float64
		want      time.Duration
	}{
		{0, 1, time.Second}, {0, 0, time.Second / 2}, {3, 1, 8 * time.Second}, {5, 1, 30 * time.Second},
		{9999, 0, 15 * time.Second},
	} {
		if got := Delay(time.Second, c.fruitless, 30*time.Second, c.random); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// However a stream is cut into pieces, it says the same.
func FuzzPieces(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.stream), uint8(3))
		f.Add([]byte(strings.ReplaceAll(c.stream, "\n", "\r\n")), uint8(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		var pieces []string
		for rest := string(stream); rest != ""; {
			n := min(int(size)+1, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		whole, cut := &Parser{MaxEventBytes: 1 << 20}, &Parser{MaxEventBytes: 1 << 20}
		if want, got := feed(t, whole, string(stream)), feed(t, cut, pieces...); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, cut %+v", want, got)
		}
		if whole.LastID() != cut.LastID() {
			t.Error(whole.LastID(), cut.LastID())
		}
	})
}
