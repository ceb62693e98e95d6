// Command qtn1 reads QTN1 documents: it prints them as JSON, applies changes, looks into one directory, and checks
// itself against the published vectors.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"smarttree.example/qtn1"
)

const usage = `usage:
  qtn1 json FILE...                             each document as JSON, one a line
  qtn1 apply BEFORE.qtn BATCH-or-DELTA.qtn      the snapshot after it, as JSON
  qtn1 below FILE.qtn PATH                      the entries below a directory, one a line
  qtn1 check VECTORS-DIR                        every vector of the folder
`

var errFailed = errors.New("") // it was printed already

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := run(os.Args[1:], out, os.Stderr)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		if err != errFailed {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func run(args []string, out, remarks io.Writer) error {
	switch {
	case len(args) >= 2 && args[0] == "json":
		return printAll(args[1:], out)
	case len(args) == 3 && args[0] == "apply":
		return printApplied(args[1], args[2], out)
	case len(args) == 3 && args[0] == "below":
		return printBelow(args[1], args[2], out, remarks)
	case len(args) == 2 && args[0] == "check":
		return checkAll(args[1], out)
	}
	return errors.New(usage)
}

func printAll(files []string, out io.Writer) error {
	failed := false
	for _, file := range files {
		said, err := tellFile(file)
		if err != nil {
			failed = true
			if err = printDefect(err, out); err != nil {
				return err
			}
			continue
		}
		if err := printLine(said, out); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func tellFile(file string) (any, error) {
	doc, err := read(file)
	if err != nil {
		return nil, err
	}
	kind, err := qtn1.KindOf(doc)
	if err != nil {
		return nil, err
	}
	return tell(kind, doc)
}

func printApplied(before, change string, out io.Writer) error {
	after, err := applyFiles(before, change)
	if err != nil {
		if err = printDefect(err, out); err == nil {
			err = errFailed
		}
		return err
	}
	return printLine(tellSnapshot(after), out)
}

func applyFiles(before, change string) (*qtn1.Snapshot, error) {
	doc, err := read(before)
	if err != nil {
		return nil, err
	}
	snapshot, err := qtn1.DecodeSnapshot(doc, qtn1.Options{})
	if err != nil {
		return nil, err
	}
	if doc, err = read(change); err != nil {
		return nil, err
	}
	if kind, err := qtn1.KindOf(doc); err == nil && kind == qtn1.KindDelta {
		delta, err := qtn1.DecodeDelta(doc, qtn1.Options{})
		if err != nil {
			return nil, err
		}
		return qtn1.ApplyDelta(snapshot, delta)
	}
	batch, err := qtn1.DecodeBatch(doc, qtn1.Options{})
	if err != nil {
		return nil, err
	}
	return qtn1.ApplyBatch(snapshot, batch)
}

func printBelow(file, path string, out, remarks io.Writer) error {
	doc, err := read(file)
	if err != nil {
		return err
	}
	below, err := qtn1.DecodeBelow(doc, path, qtn1.Options{})
	if err != nil {
		if err = printDefect(err, out); err == nil {
			err = errFailed
		}
		return err
	}
	for _, row := range entryRows(below.Entries) {
		if err := printLine(row, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(remarks, "%d chunks unpacked\n", below.Unpacked)
	return nil
}

// read is a document from a file, which may be in text form.
func read(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(content) > 0 && content[0] == 'Q' {
		return qtn1.FromText(string(content))
	}
	return content, nil
}

// printDefect prints a defect; any other error it gives back.
func printDefect(err error, out io.Writer) error {
	var defect *qtn1.Error
	if !errors.As(err, &defect) {
		return err
	}
	return printLine(struct {
		Code   string `json:"error"`
		Offset int    `json:"offset"`
	}{defect.Code, defect.Offset}, out)
}

func printLine(said any, out io.Writer) error {
	line, err := json.Marshal(said)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}
