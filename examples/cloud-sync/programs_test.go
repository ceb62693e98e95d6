package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const (
	accessKey = "access"
	secretKey = "secret-key"

	// An S3 gateway that keeps objects as files.
	s3Package = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
)

var project = func() string {
	here, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return here
}()

// st is the server, as `make build` leaves it.
func st(t *testing.T) string {
	t.Helper()
	built := filepath.Join(project, ".venv", "bin", "st")
	if _, err := os.Stat(built); err != nil {
		t.Fatalf("no server: run `make build` first: %v", err)
	}
	return built
}

func startS3(t *testing.T) (endpoint string) {
	t.Helper()
	folder := filepath.Join(project, "build", "clients", "go", "s3")
	binary := filepath.Join(folder, "versitygw")
	if _, err := os.Stat(binary); err != nil {
		install := exec.Command("go", "install", s3Package)
		install.Dir = t.TempDir() // outside of any module
		install.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=")
		if said, err := install.CombinedOutput(); err != nil {
			t.Fatalf("building the S3 service: %v\n%s", err, said)
		}
	}
	endpoint = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	t.Setenv("ROOT_ACCESS_KEY", accessKey)
	t.Setenv("ROOT_SECRET_KEY", secretKey)
	start(t, binary, "--port", endpoint, "posix", "--sidecar", t.TempDir(), t.TempDir())
	return endpoint
}

// program is one under way; it has ended when the test has.
type program struct {
	t    *testing.T
	of   *exec.Cmd
	said *os.File
	done bool
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, of: exec.Command(name, args...), said: said}
	p.of.Stdout, p.of.Stderr = said, said
	if err := p.of.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *program) stop() {
	if p.done {
		return
	}
	p.done = true
	_ = p.of.Process.Signal(syscall.SIGTERM)
	_ = p.of.Wait()
	if content, err := os.ReadFile(p.said.Name()); p.t.Failed() && err == nil {
		p.t.Logf("%s said:\n%s", p.of.Path, content)
	}
	p.said.Close()
}
