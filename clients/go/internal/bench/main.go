// Command bench decodes one tree in turn as QTN1 and as the server's JSON: bench TREE.qtn TREE.json ROUNDS. It prints
// a line of JSON: how many entries there are, and how long each took, in seconds.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"smarttree.example/smarttree/qtn1"
)

// entry is an entry of the server's document in mode json.
type entry struct {
	Name     string  `json:"name"`
	NameB64  string  `json:"name_b64"`
	Kind     string  `json:"kind"`
	Size     int64   `json:"size"`
	Mode     string  `json:"mode"`
	MtimeNS  string  `json:"mtime_ns"`
	Children []entry `json:"children"`
}

// document is the tree by itself, or in the envelope that the server puts it in.
type document struct {
	entry
	Tree *entry `json:"tree"`
}

func (d *document) entries() int {
	if d.Tree != nil {
		return d.Tree.below()
	}
	return d.below()
}

func (e *entry) below() int {
	n := len(e.Children)
	for i := range e.Children {
		n += e.Children[i].below()
	}
	return n
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: bench TREE.qtn TREE.json ROUNDS")
	}
	qtn, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var result struct {
		Entries int       `json:"entries"`
		QTN     []float64 `json:"qtn_s"`
		JSON    []float64 `json:"json_s"`
	}
	for ; rounds > 0; rounds-- {
		var snapshot *qtn1.Snapshot
		var told document
		qtnTime, err := measure(func() (err error) { snapshot, err = qtn1.DecodeSnapshot(qtn, qtn1.Limits{}); return err })
		if err != nil {
			return err
		}
		jsonTime, err := measure(func() error { return json.Unmarshal(text, &told) })
		if err != nil {
			return err
		}
		result.Entries = snapshot.Entries
		if n := told.entries(); n != snapshot.Entries {
			return fmt.Errorf("the JSON has %d entries, the snapshot %d", n, snapshot.Entries)
		}
		result.QTN, result.JSON = append(result.QTN, qtnTime), append(result.JSON, jsonTime)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// measure begins with a clean heap, so that neither pays for what the other left.
func measure(decode func() error) (seconds float64, err error) {
	runtime.GC()
	start := time.Now()
	err = decode()
	return time.Since(start).Seconds(), err
}
