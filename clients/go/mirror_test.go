package smarttree_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/internal/served"
	"smarttree.example/smarttree/tree"
)

func connect(t testing.TB, url string, options ...smarttree.Option) *smarttree.Client {
	t.Helper()
	client, err := smarttree.Connect(served.Context(t), url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func onDisk(t testing.TB, top string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		all = append(all, fmt.Sprint(path, info.Mode(), size, info.ModTime().UnixNano()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func entries(of *tree.Tree) (all []string) {
	for path, entry := range of.All() {
		all = append(all, fmt.Sprint(path, entry.FileMode(), entry.Size, entry.Mtime))
	}
	slices.Sort(all)
	return all
}

// holds waits until the mirror is at the server's clock, and compares it with the disk.
func holds(t testing.TB, client *smarttree.Client, mirror *smarttree.Mirror, top string) {
	t.Helper()
	served.Until(t, "the mirror is the disk", func() bool {
		if _, err := client.Clock(served.Context(t), true); err != nil {
			return false
		}
		return slices.Equal(entries(mirror.Tree()), onDisk(t, top))
	})
}

func TestAMirrorIsTheDisk(t *testing.T) {
	t.Run("plain", func(t *testing.T) { mirrorIsTheDisk(t) })
	t.Run("compressed", func(t *testing.T) { mirrorIsTheDisk(t, "--compress") })
}

func mirrorIsTheDisk(t *testing.T, flags ...string) {
	top := t.TempDir()
	write(t, filepath.Join(top, "a/b/one"), "1")
	server := served.Start(t, top, append(flags, "--port", "0", "--no-state")...)
	client := connect(t, server.URL)
	mirror := client.Mirror(served.Context(t), smarttree.Query{})
	defer mirror.Close()
	if err := mirror.Ready(served.Context(t)); err != nil {
		t.Fatal(err)
	}
	readers := reading(mirror)
	for i := range 20 {
		write(t, filepath.Join(top, fmt.Sprintf("d%d/x", i%5), fmt.Sprint(i)), strings.Repeat("x", i))
		if i%4 == 3 {
			from, to := filepath.Join(top, fmt.Sprintf("d%d", i%5)), filepath.Join(top, fmt.Sprintf("a/m%d", i))
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	holds(t, client, mirror, top)
	if err := os.RemoveAll(filepath.Join(top, "a")); err != nil {
		t.Fatal(err)
	}
	holds(t, client, mirror, top)
	readers()
	if _, found := mirror.Lookup(filepath.Join(top, "a")); found {
		t.Error("it is gone")
	}
	for child := range mirror.Children(top) {
		if !child.IsDirectory() {
			t.Error(child)
		}
	}
}

// reading reads all the time, from several goroutines, until it is stopped: each tree fits together.
func reading(mirror *smarttree.Mirror) (stop func()) {
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				now, count := mirror.Tree(), 0
				for path := range now.All() {
					count++
					if _, found := now.Lookup(path); !found {
						panic("what is told is not there: " + path)
					}
				}
				if count != now.Len() {
					panic(fmt.Sprint(count, " entries are not ", now.Len()))
				}
			}
		}()
	}
	return func() { close(done); readers.Wait() }
}

func TestASubscriptionHearsWhatItAskedFor(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "src/a.go"), "1")
	client := connect(t, served.Start(t, top, "--port", "0", "--no-state").URL)
	mirror := client.Mirror(served.Context(t), smarttree.Query{})
	defer mirror.Close()
	sub := mirror.Subscribe("*.go")
	if first := <-sub.Updates(); first.Rebased != smarttree.Initial || len(first.Changes) != 0 {
		t.Fatalf("%+v", first)
	}
	write(t, filepath.Join(top, "src/b.txt"), "1")
	if err := os.Rename(filepath.Join(top, "src"), filepath.Join(top, "lib")); err != nil {
		t.Fatal(err)
	}
	var heard []string
	for len(heard) == 0 {
		for _, c := range (<-sub.Updates()).Changes {
			heard = append(heard, fmt.Sprint(c.Type, c.OldPath, c.Path))
		}
	}
	if want := fmt.Sprint("renamed", top, "/src/a.go", top, "/lib/a.go"); !slices.Equal(heard, []string{want}) {
		t.Errorf("%q, not %q", heard, want)
	}
	sub.Close()
	for range sub.Updates() {
	}
	late := mirror.Subscribe()
	if first := <-late.Updates(); first.Tree.Len() != 4 {
		t.Error(first.Tree.Len())
	}
	mirror.Close()
	for range late.Updates() {
	}
	for range mirror.Subscribe().Updates() {
		t.Error("it has ended")
	}
}

// A server that has forgotten everything is another epoch: the mirror fetches its tree by its parts, those it lacks.
func TestAMirrorOutlivesItsServer(t *testing.T) {
	top := t.TempDir()
	for i := range 300 {
		write(t, filepath.Join(top, fmt.Sprint(i%7), fmt.Sprint(i)), "x")
	}
	port := freePort(t)
	server := served.Start(t, top, "--port", port, "--no-state")
	lost := make(chan error, 1000)
	client := connect(t, server.URL, smarttree.WithRetryMax(1e8), smarttree.WithLost(func(err error) { lost <- err }))
	mirror := client.Mirror(served.Context(t), smarttree.Query{})
	defer mirror.Close()
	sub := mirror.Subscribe()
	<-sub.Updates()
	server.Stop()
	<-lost
	write(t, filepath.Join(top, "3/new"), "new")
	served.Start(t, top, "--port", port, "--no-state")
	update := <-sub.Updates()
	if update.Rebased != smarttree.Server || update.Fetched == 0 || update.Fetched > 3 {
		t.Errorf("%s, %d fetched", update.Rebased, update.Fetched)
	}
	var heard []string
	for _, c := range update.Changes {
		heard = append(heard, fmt.Sprint(c.Type, strings.TrimPrefix(c.Path, top)))
	}
	if !slices.Equal(heard, []string{"created/3/new"}) {
		t.Errorf("%q", heard)
	}
	if !slices.Equal(entries(mirror.Tree()), onDisk(t, top)) {
		t.Error("it is not the disk")
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

func TestNothingIsLeftOver(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "x"), "1")
	server := served.Start(t, top, "--port", "0", "--no-state")
	before := runtime.NumGoroutine()
	for range 10 {
		ctx, cancel := context.WithCancel(context.Background())
		client, err := smarttree.Connect(ctx, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		mirror := client.Mirror(ctx, smarttree.Query{})
		unread := mirror.Subscribe()
		_ = client.Stream(ctx, smarttree.Query{}) // which nobody reads
		<-client.Events()
		if err := mirror.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Clock(ctx, false); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-mirror.Done()
		for range unread.Updates() {
		}
		client.Close()
		if err := mirror.Err(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	served.Until(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}
