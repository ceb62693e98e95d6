package smarttree

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SearchQuery is what is looked for.
type SearchQuery struct {
	Pattern string // not needed for names with a glob
	Names   bool   // in the names of entries, not in the contents of files
	Regex   bool   // the pattern is an expression of RE2
	Case    string // "smart", "sensitive" or "ignore"
	Path    string
	Globs   []string // only what one names; with "!" before it, none of that
	Context int      // lines before and behind each that matches
	Limit   int
	Timeout time.Duration // of the search itself; the server's choice where 0
	Sync    bool          // once everything that already happened has been seen
}

func (q SearchQuery) values() url.Values {
	values := url.Values{}
	set(values, "q", q.Pattern)
	if q.Names {
		set(values, "in", "name")
	}
	setFlag(values, "regex", q.Regex)
	set(values, "case", q.Case)
	set(values, "path", q.Path)
	set(values, "glob", q.Globs...)
	setNumber(values, "context", q.Context)
	setNumber(values, "limit", q.Limit)
	setNumber(values, "timeout_ms", int(q.Timeout/time.Millisecond))
	setFlag(values, "sync", q.Sync)
	return values
}

func setNumber(values url.Values, name string, n int) {
	if n != 0 {
		values.Set(name, strconv.Itoa(n))
	}
}

// Found is a message of a search, as ripgrep's --json has them: of the type "begin", "match", "context" and "end" for
// each file, "entry" for each name, and last "summary".
type Found struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// Line is what a "match" or "context" says.
type Line struct {
	Path           Text       `json:"path"`
	Lines          Text       `json:"lines"`
	LineNumber     int64      `json:"line_number"`
	AbsoluteOffset int64      `json:"absolute_offset"`
	Submatches     []Submatch `json:"submatches"`
}

// Submatch is a match in a line, by bytes.
type Submatch struct {
	Match Text `json:"match"`
	Start int  `json:"start"`
	End   int  `json:"end"`
}

// Text is a text, or bytes where it is not UTF-8.
type Text struct {
	Text  *string `json:"text,omitempty"`
	Bytes []byte  `json:"bytes,omitempty"`
}

func (t Text) String() string {
	if t.Text != nil {
		return *t.Text
	}
	return string(t.Bytes)
}

// Line is what a message of the type "match" or "context" says.
func (f Found) Line() (*Line, error) {
	line := &Line{}
	if err := json.Unmarshal(f.Data, line); err != nil {
		return nil, fmt.Errorf("smarttree: a message of a search: %w", err)
	}
	return line, nil
}

const (
	searchTimeout = 10 * time.Second // of a server, where none is given
	foundMaxBytes = 16 << 20         // a line of 16 KiB with matches and context is far less
)

var errCutOff = errors.New("smarttree: the answer was cut off")

// Search gives what is found as it is found; the last message is the summary. An error is the last thing it gives. Who
// stops early ends the search.
func (c *Client) Search(ctx context.Context, query SearchQuery) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		complete, err := c.search(ctx, query, func(f Found) bool { return yield(f, nil) })
		if err == nil && !complete {
			err = errCutOff
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Found{}, err)
		}
	}
}

var errStopped = errors.New("stopped")

func (c *Client) search(ctx context.Context, query SearchQuery, found func(Found) bool) (complete bool, err error) {
	longest := max(query.Timeout, searchTimeout)
	ctx, cancel := context.WithTimeout(ctx, c.settings.timeout+longest)
	defer cancel()
	request, err := c.request(ctx, http.MethodGet, "/search", query.values())
	if err != nil {
		return false, err
	}
	request.Header.Set("Accept", "application/x-ndjson")
	response, err := c.http.Do(request)
	if err != nil {
		return false, fmt.Errorf("smarttree: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, problemOf(response)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, foundMaxBytes)
	for lines.Scan() {
		var f Found
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return false, fmt.Errorf("smarttree: a message of a search: %w", err)
		}
		complete = f.Type == "summary"
		if !found(f) {
			return false, errStopped
		}
	}
	return complete, lines.Err()
}
