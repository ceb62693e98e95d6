package main

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"smarttree.example/smarttree"
)

const bucket = "trees"

// site is a real server of a directory, and a real S3 service.
type site struct {
	t      *testing.T
	top    string
	s3     string
	port   int
	state  string
	server *program
	store  *store
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, top: t.TempDir(), state: t.TempDir(), port: freePort(t)}
	s.s3 = startS3(t)
	s.write("a/b/one", "1")
	s.write("a/two", "22")
	s.serve()
	client, err := minio.New(s.s3, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bucket is made", func() error {
		return client.MakeBucket(context.Background(), bucket, minio.MakeBucketOptions{})
	})
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	s.store = &store{client: client, bucket: bucket, prefix: "tree"}
	return s
}

func (s *site) url() string { return fmt.Sprintf("http://localhost:%d", s.port) }

func (s *site) serve() {
	s.t.Helper()
	s.server = start(s.t, st(s.t), "--serve", s.top, "--port", fmt.Sprint(s.port), "--state", s.state)
	eventually(s.t, "the server is ready", func() error { _, err := s.clock(); return err })
}

// clock is the server's, once it has told everything that has happened.
func (s *site) clock() (string, error) {
	client, err := smarttree.Connect(context.Background(), s.url())
	if err != nil {
		return "", err
	}
	defer client.Close()
	now, err := client.Clock(context.Background(), true)
	if err != nil {
		return "", err
	}
	return now.Clock, nil
}

func (s *site) write(name, content string) {
	s.t.Helper()
	file := filepath.Join(s.top, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// pushing runs the pusher until it is stopped.
func (s *site) pushing(compactAfter int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	args := []string{
		"push", "-endpoint", s.s3, "-secure=false", "-bucket", bucket, "-compact-after", fmt.Sprint(compactAfter), s.url(),
	}
	go func() { done <- run(ctx, args, os.Stdout) }()
	return func() {
		s.t.Helper()
		cancel()
		if err := <-done; err != nil {
			s.t.Fatal(err)
		}
	}
}

// holds waits until the bucket has what is on the disk.
func (s *site) holds() {
	s.t.Helper()
	eventually(s.t, "the bucket has the tree", func() error {
		restored, err := restore(context.Background(), s.store)
		if err != nil {
			return err
		}
		var got strings.Builder
		for path, entry := range restored.All() {
			fmt.Fprintln(&got, path, entry.FileMode(), entry.Size, entry.Mtime)
		}
		if want := onDisk(s.t, s.top); got.String() != want {
			return fmt.Errorf("the bucket has\n%s, the disk\n%s", got.String(), want)
		}
		return nil
	})
}

func onDisk(t *testing.T, top string) string {
	t.Helper()
	var all strings.Builder
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
		fmt.Fprintln(&all, path, info.Mode(), size, info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func (s *site) generation() (number, batches int) {
	s.t.Helper()
	all, err := s.store.generations(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	if len(all) != 1 {
		s.t.Fatalf("there are %d generations", len(all))
	}
	return all[0].number, len(all[0].batches)
}

func TestABucketFollowsATree(t *testing.T) {
	s := newSite(t)
	stop := s.pushing(1000)
	s.holds()
	s.write("a/b/three", "333")
	s.write("c/four", "4444")
	s.holds()
	stop()
	first, batches := s.generation()
	if batches == 0 {
		t.Error("no batch was pushed")
	}

	// What happens while nobody pushes is told when it is begun again, and no new base is needed.
	s.write("a/two", "two again")
	if err := os.Rename(filepath.Join(s.top, "a"), filepath.Join(s.top, "renamed")); err != nil {
		t.Fatal(err)
	}
	stop = s.pushing(1000)
	s.holds()
	if again, more := s.generation(); again != first || more <= batches {
		t.Errorf("it did not resume: generation %d, %d batches", again, more)
	}

	// A server that has forgotten everything is told anew.
	s.server.stop()
	s.state = t.TempDir()
	s.write("d/five", "5")
	s.serve()
	s.holds()
	eventually(t, "only the new generation is left", func() error { return s.only(first + 1) })
	s.write("d/six", "6")
	s.holds()
	stop()
}

// only says whether there is but this generation.
func (s *site) only(number int) error {
	all, err := s.store.generations(context.Background())
	if err == nil && (len(all) != 1 || all[0].number != number) {
		err = fmt.Errorf("there are %v", all)
	}
	return err
}

func TestBatchesAreCompacted(t *testing.T) {
	s := newSite(t)
	stop := s.pushing(2)
	s.holds()
	for i := range 5 {
		s.write(fmt.Sprintf("many/%d", i), "x")
		s.holds()
	}
	eventually(t, "generations that are of no use are gone", func() error {
		all, err := s.store.generations(context.Background())
		if err == nil && (len(all) != 1 || all[0].number < 3 || len(all[0].batches) > 2) {
			err = fmt.Errorf("there are %v", all)
		}
		return err
	})
	stop()
}

func TestWhatWasDamagedIsNotRestored(t *testing.T) {
	s := newSite(t)
	stop := s.pushing(1000)
	s.holds()
	s.write("e", "5")
	s.holds()
	stop()
	all, err := s.store.generations(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	damaged := all[0].batches[0]
	if err := s.store.put(context.Background(), damaged, "", []byte("\x01\x02\x05 is none"), place{}); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(context.Background(), s.store); err == nil {
		t.Error("it was")
	}
	stop = s.pushing(1000) // which begins anew
	s.holds()
	stop()
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

const deadline = 60 * time.Second

// eventually tries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %v: %v", what, deadline, err)
}
