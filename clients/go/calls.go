package smarttree

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TreeQuery is what tree is asked for. The zero value is all of the single root.
type TreeQuery struct {
	Path     string
	Mode     string // "quantum" where empty
	Depth    *int   // levels, in modes that have them
	Manifest bool   // the list of its parts instead, in mode quantum
	Sync     bool   // once everything that already happened has been seen
}

// Tree is the tree now.
func (c *Client) Tree(ctx context.Context, query TreeQuery) (*Tree, error) {
	values := url.Values{}
	set(values, "path", query.Path)
	if query.Mode == "" {
		query.Mode = "quantum"
	}
	set(values, "mode", query.Mode)
	if query.Depth != nil {
		set(values, "depth", strconv.Itoa(*query.Depth))
	}
	if query.Manifest {
		set(values, "tree", "manifest")
	}
	setFlag(values, "sync", query.Sync)
	tree := &Tree{}
	if err := c.get(ctx, "/tree", values, 0, tree); err != nil {
		return nil, err
	}
	if err := checkProtocol(tree.Protocol); err != nil {
		return nil, err
	}
	return tree, nil
}

// ChangesQuery is since when, and of what part of a tree, changes are asked for.
type ChangesQuery struct {
	Since   string        // a clock; it has to be given
	Wait    time.Duration // where nothing has changed, up to five minutes, in whole seconds
	Sync    bool          // once everything that already happened has been seen
	Path    string
	Include []string
	Exclude []string
	Types   []string
	Only    string
}

// Changes is what has changed since a clock: applied in order, it leads from the tree at From to that at Clock.
type Changes struct {
	Clock    string   `json:"clock"` // to be given the next time
	From     string   `json:"from"`
	Complete bool     `json:"complete"` // false in the middle of something larger, the rest of which follows
	Changes  []Change `json:"changes"`
}

// Changes asks what has changed since a clock. A [*Problem] with the code "unknown-clock" has the clock to go on from,
// once the tree was fetched.
func (c *Client) Changes(ctx context.Context, query ChangesQuery) (*Changes, error) {
	part := Query{
		Since: query.Since, Path: query.Path, Include: query.Include, Exclude: query.Exclude, Types: query.Types,
		Only: query.Only,
	}
	values := part.values()
	if query.Wait > 0 {
		set(values, "wait", strconv.FormatInt(int64(query.Wait/time.Second), 10))
	}
	setFlag(values, "sync", query.Sync)
	changes := &Changes{}
	return changes, c.get(ctx, "/changes", values, query.Wait, changes)
}

// Stats asks for figures of a directory, or of all roots where path is empty; and of what window ("1m", "5m", "1h" or
// "24h"), or of each where that is.
func (c *Client) Stats(ctx context.Context, path, window string) (*Stats, error) {
	values := url.Values{}
	set(values, "path", path)
	set(values, "window", window)
	stats := &Stats{}
	return stats, c.get(ctx, "/stats", values, 0, stats)
}

// Clock is the present of a server.
type Clock struct {
	Clock    string `json:"clock"`
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Degraded bool   `json:"degraded"` // Stats has something to say
}

// Clock asks for the clock; with sync, once everything that already happened was told to every stream.
func (c *Client) Clock(ctx context.Context, sync bool) (*Clock, error) {
	values := url.Values{}
	setFlag(values, "sync", sync)
	clock := &Clock{}
	if err := c.get(ctx, "/clock", values, 0, clock); err != nil {
		return nil, err
	}
	if err := checkProtocol(clock.Protocol); err != nil {
		return nil, err
	}
	return clock, nil
}

// Watch is the roots of a server.
type Watch struct {
	Roots []Root `json:"roots"`
	Bases []Base `json:"bases"` // below which roots may be added
	Clock string `json:"clock"`
}

// Base is a directory below which roots may be added.
type Base struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_b64,omitempty"`
}

// Root is a directory that is served.
type Root struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_b64,omitempty"`
	State   string `json:"state"` // "ready", "scanning", "missing" or "unreadable"
	Entries int64  `json:"entries"`
	Totals
}

// Watched is what came of adding or removing a root.
type Watched struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_b64,omitempty"`
	Clock   string `json:"clock"`
	Changed bool   `json:"changed"`
}

// Watch asks for the roots.
func (c *Client) Watch(ctx context.Context) (*Watch, error) {
	watch := &Watch{}
	return watch, c.get(ctx, "/watch", nil, 0, watch)
}

// WatchAdd adds a root by its absolute path.
func (c *Client) WatchAdd(ctx context.Context, path string) (*Watched, error) {
	watched := &Watched{}
	return watched, c.send(ctx, http.MethodPost, "/watch", pathBody{[]byte(path)}, watched)
}

// WatchRemove removes a root by its absolute path.
func (c *Client) WatchRemove(ctx context.Context, path string) (*Watched, error) {
	watched := &Watched{}
	return watched, c.send(ctx, http.MethodDelete, "/watch", pathBody{[]byte(path)}, watched)
}

// pathBody has the bytes of the path, which need not be UTF-8.
type pathBody struct {
	Path []byte `json:"path_b64"`
}

// Ticket is for an EventSource, which can send no token.
type Ticket struct {
	Ticket    string `json:"ticket"`
	FirstUseS int    `json:"first_use_s"`
}

// Ticket asks for a ticket.
func (c *Client) Ticket(ctx context.Context) (*Ticket, error) {
	ticket := &Ticket{}
	return ticket, c.send(ctx, http.MethodPost, "/ticket", nil, ticket)
}

func setFlag(values url.Values, name string, on bool) {
	if on {
		values.Set(name, "1")
	}
}

// get asks for a JSON document. The call may take wait longer than others.
func (c *Client) get(ctx context.Context, endpoint string, query url.Values, wait time.Duration, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.settings.timeout+wait)
	defer cancel()
	request, err := c.request(ctx, http.MethodGet, endpoint, query)
	if err != nil {
		return err
	}
	return c.call(request, answer)
}

// send asks for something to be done.
func (c *Client) send(ctx context.Context, method, endpoint string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.settings.timeout)
	defer cancel()
	request, err := c.request(ctx, method, endpoint, nil)
	if err != nil {
		return err
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("smarttree: %w", err)
		}
		request.Body = io.NopCloser(bytes.NewReader(text))
		request.ContentLength = int64(len(text))
		request.Header.Set("Content-Type", "application/json")
	}
	return c.call(request, answer)
}

func (c *Client) call(request *http.Request, answer any) error {
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("smarttree: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return problemOf(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(c.settings.maxEventBytes)+1))
	if err != nil {
		return fmt.Errorf("smarttree: %w", err)
	}
	if len(body) > c.settings.maxEventBytes {
		return ErrTooLarge
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("smarttree: the answer of %s: %w", request.URL.Path, err)
	}
	return nil
}
