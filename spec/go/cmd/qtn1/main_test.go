package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const vectors = "../../../vectors"

// The published vectors, where they stand beside this module.
func TestPublishedVectors(t *testing.T) {
	if found, err := findVectors(vectors); err != nil || len(found) == 0 {
		t.Skip("no vectors here")
	}
	var out bytes.Buffer
	if err := run([]string{"check", vectors}, &out, &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestCheckOfNothingFails(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"check", t.TempDir()}, &out, &out); err == nil || out.String() != "0 passed, 0 failed\n" {
		t.Error(err, out.String())
	}
}

// One document of each sort of vector, with what it says: an empty delta and a word that is no text form.
func TestCheckCountsWhatFails(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "invalid"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"magic--other.snapshot.qtn":  "\x01\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"magic--other.delta.qtn":     "\x01\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"check--wrong.manifest.qtn":  "\x01\x02\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"truncated--short.batch.qtn": "\x01\x02\x05\x00\x00\x00\x00",
		"base64--blank.txt":          "QTN1:AQID ",
		"text-prefix--none.txt":      "QTN2:AQID",
		"digest--not-so.txt":         "QTN1:AQIDAAAA",
	} {
		if err := os.WriteFile(filepath.Join(folder, "invalid", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := run([]string{"check", folder}, &out, &out)
	if err == nil || !strings.HasSuffix(out.String(), "\n6 passed, 1 failed\n") {
		t.Error(err, out.String())
	}
}

func TestJSONPrintsDefects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "short.qtn")
	if err := os.WriteFile(file, []byte{1, 2, 3}, 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run([]string{"json", file, file}, &out, &out)
	line := `{"error":"truncated","offset":3}` + "\n"
	if err != errFailed || out.String() != line+line {
		t.Error(err, out.String())
	}
}
