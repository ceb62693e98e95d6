// Package vectors finds the published test documents for the tests of this module.
package vectors

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"smarttree.example/smarttree/internal/says"
	"smarttree.example/smarttree/qtn1"
)

// Each runs a test for each file of the vectors' folder that matches; stem is its path without what the pattern has
// after its "*".
func Each(t *testing.T, pattern string, test func(t *testing.T, stem string)) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(here), "../../../../spec/vectors")
	_, suffix, _ := strings.Cut(pattern, "*")
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors %s in %s: %v", pattern, folder, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { test(t, strings.TrimSuffix(file, suffix)) })
	}
}

// Read is the content of a file.
func Read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Decode is a sound document.
func Decode[D qtn1.Document](t *testing.T, file string) D {
	t.Helper()
	doc, err := qtn1.Decode(Read(t, file), qtn1.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc.(D)
}

// Says compares what a document says with what its JSON does.
func Says(t *testing.T, said any, wanted string) {
	t.Helper()
	text, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal(Read(t, wanted), &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it says something else than %s", wanted)
	}
}

// DocumentSays decodes a document and compares what it says with what its JSON does.
func DocumentSays(t *testing.T, file, wanted string) {
	t.Helper()
	Says(t, says.Document(Decode[qtn1.Document](t, file)), wanted)
}

// Refused compares an error with the code that the file's name begins with.
func Refused(t *testing.T, err error, file string) {
	t.Helper()
	code, _, _ := strings.Cut(filepath.Base(file), "--")
	var defect *qtn1.Error
	if !errors.As(err, &defect) || defect.Code != code {
		t.Errorf("not refused as it has to be: %v", err)
	}
}

// Exists says whether there is such a file.
func Exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
