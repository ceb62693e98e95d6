// Package served runs real servers for the tests of this module.
package served

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Server is a real server, which ends with the test.
type Server struct {
	URL     string
	command *exec.Cmd
	stopped bool
}

var address = regexp.MustCompile(`serving .* on (https?://\S+)`)

// Start serves a directory on a port; 0 takes a free one.
func Start(t testing.TB, top string, flags ...string) *Server {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	st := filepath.Join(filepath.Dir(here), "../../../../.venv/bin/st")
	if _, err := os.Stat(st); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no server: %v", err)
		}
		t.Skip("no server is built: run `make build` in the project")
	}
	s := &Server{command: exec.Command(st, append([]string{"--serve", top, "--batch-ms", "5"}, flags...)...)}
	said, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = s.command.Stdout
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	lines := bufio.NewScanner(said)
	for s.URL == "" && lines.Scan() {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			s.URL = found[1]
		}
	}
	if s.URL == "" {
		t.Fatal("the server does not say where it is")
	}
	go func() {
		for lines.Scan() { // so that it never waits for us
		}
	}()
	Until(t, "the first scan is done", func() bool {
		response, err := http.Get(s.URL + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	http.DefaultClient.CloseIdleConnections()
	return s
}

// Stop ends the server; one that does not want to is killed.
func (s *Server) Stop() {
	if s.stopped {
		return
	}
	s.stopped = true
	_ = s.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(deadline, func() { _ = s.command.Process.Kill() })
	defer kill.Stop()
	_ = s.command.Wait()
}

const deadline = 60 * time.Second

// Context ends with the test, or at its deadline.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// Until waits until it is so.
func Until(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !isSo(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", deadline, what)
		}
	}
}
