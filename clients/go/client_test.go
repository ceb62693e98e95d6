package smarttree_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/internal/served"
	"smarttree.example/smarttree/qtn1"
)

func TestCalls(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "src/a.go"), "package a // TODO\n")
	const token = "a-token-that-is-long-enough"
	server := served.Start(t, top, "--port", "0", "--no-state", "--auth-token", token, "--watch-base", top)
	client := connect(t, server.URL, smarttree.WithToken(token))
	ctx := served.Context(t)

	clock, err := client.Clock(ctx, true)
	if err != nil || clock.Protocol != smarttree.ProtocolVersion {
		t.Fatal(clock, err)
	}
	told, err := client.Tree(ctx, smarttree.TreeQuery{Sync: true})
	if err != nil || told.Stats.Files != 1 {
		t.Fatal(told, err)
	}
	doc, err := smarttree.Decompress(told.Compressed)
	if snapshot, ok := doc.(*qtn1.Snapshot); err != nil || !ok || snapshot.Path(1) != filepath.Join(top, "src/a.go") {
		t.Error(doc, err)
	}
	manifest, err := client.Tree(ctx, smarttree.TreeQuery{Manifest: true})
	if err != nil || manifest.Manifest == "" {
		t.Error(manifest, err)
	}
	depth := 1
	listing, err := client.Tree(ctx, smarttree.TreeQuery{Path: "src", Mode: "classic", Depth: &depth})
	if err != nil || !strings.Contains(listing.Text, "a.go") {
		t.Error(listing, err)
	}
	stats, err := client.Stats(ctx, "src", "1m")
	if err != nil || stats.Files != 1 || len(stats.Windows) != 1 {
		t.Error(stats, err)
	}
	watch, err := client.Watch(ctx)
	if err != nil || len(watch.Roots) != 1 || watch.Roots[0].Path != top || watch.Bases[0].Path != top {
		t.Error(watch, err)
	}
	again, err := client.WatchAdd(ctx, top)
	if err != nil || again.Changed {
		t.Error(again, err)
	}
	isProblem(t, "last-root", func() error { _, err := client.WatchRemove(ctx, top); return err })
	ticket, err := client.Ticket(ctx)
	if err != nil || ticket.Ticket == "" {
		t.Error(ticket, err)
	}

	write(t, filepath.Join(top, "b.go"), "package b\n")
	changes, err := client.Changes(ctx, smarttree.ChangesQuery{
		Since: told.Clock, Wait: 30 * time.Second, Include: []string{"*.go"},
	})
	if err != nil || len(changes.Changes) != 1 || changes.Changes[0].Type != "created" {
		t.Error(changes, err)
	}
	isProblem(t, "no-such-path", func() error {
		_, err := client.Tree(ctx, smarttree.TreeQuery{Path: "nowhere"})
		return err
	})
	stranger := connect(t, server.URL)
	isProblem(t, "token-required", func() error { _, err := stranger.Clock(ctx, false); return err })
}

func isProblem(t *testing.T, code string, call func() error) {
	t.Helper()
	var problem *smarttree.Problem
	if err := call(); !errors.As(err, &problem) || problem.Code != code || problem.Detail == "" {
		t.Errorf("%s is %v", code, err)
	}
}

func TestSearch(t *testing.T) {
	top := t.TempDir()
	for i := range 5 {
		write(t, filepath.Join(top, fmt.Sprint(i)), "one\na TODO here\n")
	}
	client := connect(t, served.Start(t, top, "--port", "0", "--no-state").URL)
	lines, last := 0, ""
	for found, err := range client.Search(served.Context(t), smarttree.SearchQuery{Pattern: "todo", Sync: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if last = found.Type; found.Type == "match" {
			line, err := found.Line()
			if err != nil || line.LineNumber != 2 || line.Submatches[0].Match.String() != "TODO" {
				t.Error(line, err)
			}
			lines++
		}
	}
	if lines != 5 || last != "summary" {
		t.Error(lines, last)
	}
	for range client.Search(served.Context(t), smarttree.SearchQuery{Pattern: "todo"}) {
		break
	}
	for _, err := range client.Search(served.Context(t), smarttree.SearchQuery{Pattern: "(", Regex: true}) {
		isProblem(t, "bad-parameter", func() error { return err })
	}
}

// scripted answers each request by the next of its scenes, and 204 when there are no more.
func scripted(t *testing.T, scenes ...http.HandlerFunc) (client *smarttree.Client, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(requests.Add(1)); n <= len(scenes) {
			scenes[n-1](w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return connect(t, server.URL, smarttree.WithRetryMax(time.Millisecond)), requests
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, text)
	}
}

func TestEventsEndWithAReason(t *testing.T) {
	client, requests := scripted(t,
		says("event: change\ndata: {\"type\":\"created\",\"path\":\"/x\"}\n\ndata: {}\nid: 1\n\ndata: cut off\n\n"),
		func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") != "1" {
				t.Error("it does not say where it was")
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	)
	if err := client.Err(); err != nil {
		t.Error(err)
	}
	var types []string
	for event := range client.Events() {
		types = append(types, event.Type)
		if change, err := event.Change(); event.Type == "change" && (err != nil || change.Path != "/x") {
			t.Error(change, err)
		}
	}
	if fmt.Sprint(types) != "[change message]" || requests.Load() != 3 {
		t.Error(types, requests.Load())
	}
	var problem *smarttree.Problem
	if err := client.Err(); !errors.As(err, &problem) || problem.Status != http.StatusNoContent {
		t.Error(err)
	}
}

func TestALaterProtocolIsRefused(t *testing.T) {
	client, _ := scripted(t, says("event: tree\ndata: {\"protocol\":2}\nid: 1\n\n"))
	for range client.Events() {
		t.Error("it is handed on")
	}
	if err := client.Err(); !errors.Is(err, smarttree.ErrProtocol) {
		t.Error(err)
	}
	client, _ = scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"protocol":2,"clock":"x","more":1}`)
	})
	if _, err := client.Clock(served.Context(t), false); !errors.Is(err, smarttree.ErrProtocol) {
		t.Error(err)
	}
}

func TestAClientThatWasClosedHasNoEvents(t *testing.T) {
	client, requests := scripted(t)
	client.Close()
	for range client.Events() {
		t.Error("it has")
	}
	if client.Err() != nil || requests.Load() != 0 {
		t.Error(client.Err(), requests.Load())
	}
}

func TestWhatIsNoClient(t *testing.T) {
	for _, address := range []string{"", "localhost:8973", "ftp://x", "http://", "http://user:secret@x"} {
		if _, err := smarttree.Connect(context.Background(), address); err == nil || strings.Contains(err.Error(), "user:") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for name, option := range map[string]smarttree.Option{
		"token": smarttree.WithToken("a b"), "silence": smarttree.WithSilence(0),
		"bound": smarttree.WithMaxEventBytes(-1), "file": smarttree.WithCAFile("/nowhere"),
		"no certificate": smarttree.WithCAFile("go.mod"),
	} {
		if _, err := smarttree.Connect(context.Background(), "http://localhost", option); err == nil {
			t.Error(name)
		}
	}
}
