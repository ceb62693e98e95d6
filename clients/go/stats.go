package smarttree

import "encoding/json"

// Stats is figures of a directory, or of all roots.
type Stats struct {
	Path  string   `json:"path,omitempty"`
	Roots []string `json:"roots,omitempty"` // in the place of path
	Totals
	ByExtension []ExtensionTotals `json:"by_extension"`
	ByDirectory []PathTotals      `json:"by_directory"`
	Largest     []PathSize        `json:"largest"`
	Newest      []PathTime        `json:"newest"`
	Windows     []Window          `json:"windows"`
	Problems    []PathProblem     `json:"problems"` // what could not be read
	Watcher     Watcher           `json:"watcher"`
	Contents    *Contents         `json:"contents"`
	State       State             `json:"state"`
	Clock       string            `json:"clock"`
	Clients     int               `json:"clients"` // streams open
	Streams     json.RawMessage   `json:"streams"` // who has not got everything, for the server's operator
}

// ExtensionTotals is counts of the files with an extension.
type ExtensionTotals struct {
	Extension string `json:"extension"` // with its dot
	Files     int64  `json:"files"`
	Size      int64  `json:"size"`
}

// PathTotals is counts of a directory.
type PathTotals struct {
	Path string `json:"path"`
	Totals
}

// PathSize is a file with its size.
type PathSize struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// PathTime is an entry with its time.
type PathTime struct {
	Path    string `json:"path"`
	MtimeNS string `json:"mtime_ns"`
}

// PathProblem is what could not be read, and why.
type PathProblem struct {
	Path    string `json:"path"`
	Errno   any    `json:"errno"`
	Message string `json:"message"`
}

// Window is what changed in an interval. Where it is not exact, it is at least that.
type Window struct {
	Path             string   `json:"path"`
	Interval         string   `json:"interval"`
	Changes          int64    `json:"changes"`
	ChangesPerSecond float64  `json:"changes_per_second"`
	Growth           string   `json:"growth"`
	GrowthBytes      int64    `json:"growth_bytes"`
	HotFiles         []string `json:"hot_files"`
	Seconds          float64  `json:"seconds"`
	Exact            bool     `json:"exact"`
}

// Watcher is what tells the server of changes.
type Watcher struct {
	Name     string          `json:"name"`
	Degraded json.RawMessage `json:"degraded"` // null, or what can't be watched as it should, and why
}

// Contents is of how many files the content is known, and how many are to be read.
type Contents struct {
	Hashed  int64 `json:"hashed"`
	Waiting int64 `json:"waiting"`
}

// State is where history is kept.
type State struct {
	Directory *string         `json:"directory"` // nil where it is in memory
	Degraded  json.RawMessage `json:"degraded"`  // null, or why it is in memory although it should not be
}
