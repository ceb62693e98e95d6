package smarttree

import (
	"net/url"
	"strings"
)

// Query is what part of a tree is asked for, and how it is told. The zero value is everything.
type Query struct {
	Since   string   // a clock to resume from
	Path    string   // a root, or a directory below one: only that
	Include []string // globs, as lines of a .gitignore: only what one names, and what is below that
	Exclude []string // globs: not what one names, nor what is below that
	Types   []string // of "file", "dir", "symlink", "other"

	Events []string // of "tree", "change", "quantum", "stats", "message"
	Mode   string   // how the tree is told: "quantum", "json" …; the server's choice where empty
	Tree   string   // "full", "none" or "manifest"
	Only   string   // "content": no changes that leave a file's content as it was
}

func (q Query) values() url.Values {
	values := url.Values{}
	set(values, "since", q.Since)
	q.setPart(values)
	set(values, "events", strings.Join(q.Events, ","))
	set(values, "mode", q.Mode)
	set(values, "tree", q.Tree)
	set(values, "only", q.Only)
	return values
}

// setPart sets what part of the tree is asked for.
func (q Query) setPart(values url.Values) {
	set(values, "path", q.Path)
	set(values, "include", q.Include...)
	set(values, "exclude", q.Exclude...)
	set(values, "types", strings.Join(q.Types, ","))
}

// set sets a parameter to what is not empty.
func set(values url.Values, name string, given ...string) {
	for _, value := range given {
		if value != "" {
			values.Add(name, value)
		}
	}
}
