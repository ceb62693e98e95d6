package smarttree

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"smarttree.example/smarttree/internal/eventstream"
	"smarttree.example/smarttree/qtn1"
)

// Event is an event of a stream.
type Event struct {
	Type  string // "tree", "change", "quantum", "stats", or "message" for one without a name
	Data  string // JSON; of "quantum" a text form of QTN1, for Decompress
	Clock string // of the batch that it is part of, whole or not at all
}

func eventOf(f eventstream.Frame) Event { return Event{f.Event, f.Data, f.ID} }

// Tree is what an event of the type "tree" says.
func (e Event) Tree() (*Tree, error) { return parsed[Tree](e, "tree") }

// Change is what an event of the type "change" says.
func (e Event) Change() (*Change, error) { return parsed[Change](e, "change") }

// Stats is what an event of the type "stats" says.
func (e Event) Stats() (*StatsEvent, error) { return parsed[StatsEvent](e, "stats") }

// Message is what an event of the type "message" says.
func (e Event) Message() (*Message, error) { return parsed[Message](e, "message") }

func parsed[T any](e Event, as string) (*T, error) {
	if e.Type != as {
		return nil, fmt.Errorf("smarttree: an event of the type %q is no %s", e.Type, as)
	}
	said := new(T)
	if err := json.Unmarshal([]byte(e.Data), said); err != nil {
		return nil, fmt.Errorf("smarttree: an event of the type %q: %w", e.Type, err)
	}
	return said, nil
}

// Decompress decodes a text form of QTN1, of any kind: a "QTN1:…", "QTN1:DELTA:…", "QTN1:BATCH:…" or
// "QTN1:MANIFEST:…". What is wrong with it is a [*qtn1.Error].
func Decompress(text string) (qtn1.Document, error) {
	doc, err := qtn1.Binary(text)
	if err != nil {
		return nil, err
	}
	return qtn1.Decode(doc, qtn1.Limits{})
}

// Tree is a tree as a server tells it, in the stream or by a call. Which field has the document depends on the mode.
type Tree struct {
	Path       string          `json:"path"`
	Mode       string          `json:"mode"`
	Compressed string          `json:"compressed,omitempty"` // in mode quantum, for Decompress
	Manifest   string          `json:"manifest,omitempty"`   // the list of its parts in its place
	JSON       json.RawMessage `json:"tree,omitempty"`       // in mode json
	Text       string          `json:"text,omitempty"`       // in all others
	Depth      *int            `json:"depth,omitempty"`      // how many levels are told, if not all
	Stats      Totals          `json:"stats"`
	Clock      string          `json:"clock"`
	Digest     *string         `json:"digest"`           // 32 hex digits; nil of a selection that has none
	Reason     string          `json:"reason,omitempty"` // in the stream: "initial" or "rebase"
	Filtered   bool            `json:"filtered"`
	Protocol   int             `json:"protocol"`
	Version    string          `json:"version"`
}

// Totals is counts of what is below a directory.
type Totals struct {
	Files int64 `json:"files"` // all that is no directory
	Dirs  int64 `json:"dirs"`
	Size  int64 `json:"size"`
}

// Change is a change as a server tells it.
type Change struct {
	Type       string `json:"type"` // "created", "modified", "deleted" or "renamed"
	Path       string `json:"path"`
	PathB64    string `json:"path_b64,omitempty"` // where the path is not UTF-8
	OldPath    string `json:"old_path,omitempty"`
	OldPathB64 string `json:"old_path_b64,omitempty"`
	Kind       string `json:"kind"` // "file", "dir", "symlink" or "other"
	Size       int64  `json:"size"`
	Timestamp  string `json:"timestamp"`
	Delta      string `json:"delta,omitempty"`   // in the stream: this one change, for Decompress
	Content    string `json:"content,omitempty"` // "same" or "changed", where that is known
}

// Paths is the exact bytes of path and old path.
func (c *Change) Paths() (path, old string) {
	return exact(c.Path, c.PathB64), exact(c.OldPath, c.OldPathB64)
}

func exact(text, encoded string) string {
	if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && encoded != "" {
		return string(raw)
	}
	return text
}

// StatsEvent is what changed lately below a root.
type StatsEvent struct {
	Path        string   `json:"path"`
	Interval    string   `json:"interval"`
	Changes     int64    `json:"changes"`
	Growth      string   `json:"growth"`
	GrowthBytes int64    `json:"growth_bytes"`
	HotFiles    []string `json:"hot_files"`
	Totals
}

// Message is the last event of a batch.
type Message struct {
	Clock   string          `json:"clock"`
	Changes int64           `json:"changes"`
	Stats   Totals          `json:"stats"`
	Digest  *string         `json:"digest"`
	More    bool            `json:"more"` // a piece of something larger, whose next piece follows
	VCS     *VersionControl `json:"vcs,omitempty"`
	Root    *RootState      `json:"root,omitempty"`
}

// VersionControl says that a root's HEAD has moved; nil is no commit.
type VersionControl struct {
	Root string  `json:"root"`
	From *string `json:"from"`
	To   *string `json:"to"`
}

// RootState says what has become of a root.
type RootState struct {
	Path  string `json:"path"`
	State string `json:"state"`
}
