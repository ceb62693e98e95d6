package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"smarttree.example/qtn1"
)

// vector is one of the folder, and what has to be so.
type vector struct {
	name string
	test func() error
}

// checkAll tests every vector of a folder laid out as the vectors' README says.
func checkAll(folder string, out io.Writer) error {
	vectors, err := findVectors(folder)
	if err != nil {
		return err
	}
	failed := 0
	for _, v := range vectors {
		if err := v.test(); err != nil {
			failed++
			fmt.Fprintf(out, "%s: %v\n", v.name, err)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", len(vectors)-failed, failed)
	if failed > 0 || len(vectors) == 0 {
		return errFailed
	}
	return nil
}

func findVectors(folder string) (vectors []vector, err error) {
	find := func(pattern, suffix string, test func(stem string) error) {
		files, globbed := filepath.Glob(filepath.Join(folder, pattern))
		if globbed != nil {
			err = globbed
		}
		for _, file := range files {
			stem := strings.TrimSuffix(file, suffix)
			name := strings.TrimPrefix(file, filepath.Clean(folder)+string(filepath.Separator))
			vectors = append(vectors, vector{name, func() error { return test(stem) }})
		}
	}
	find("snapshot/*.json", ".json", checkSnapshot)
	find("manifest/*.json", ".json", checkManifest)
	find("batch/*.json", ".json", checkBatch)
	find("delta/*.json", ".json", checkDelta)
	find("text/*.txt", ".txt", checkText)
	find("invalid/*.txt", "", checkInvalidText)
	for kind, extension := range extensions {
		kind, extension := kind, extension
		find("invalid/*"+extension, extension, func(stem string) error { return checkInvalid(stem, kind, extension) })
	}
	return vectors, err
}

// extensions is how the files of each kind end among the invalid ones.
var extensions = map[qtn1.Kind]string{
	qtn1.KindSnapshot: ".snapshot.qtn",
	qtn1.KindManifest: ".manifest.qtn",
	qtn1.KindBatch:    ".batch.qtn",
	qtn1.KindDelta:    ".delta.qtn",
}

func checkSnapshot(stem string) error {
	if err := says(stem+".qtn", stem+".json"); err != nil || !exists(stem+".raw.qtn") { // large ones are not kept raw
		return err
	}
	return says(stem+".raw.qtn", stem+".json")
}

func checkManifest(stem string) error {
	if err := says(stem+".qtn", stem+".json"); err != nil {
		return err
	}
	return assemble(stem+".qtn", filepath.Join(filepath.Dir(stem), "..", "snapshot", filepath.Base(stem)+".qtn"))
}

func checkBatch(stem string) error {
	if err := says(stem+".batch.qtn", stem+".json"); err != nil {
		return err
	}
	return leadsTo(stem, ".batch.qtn", false)
}

func checkDelta(stem string) error {
	if err := says(stem+".delta.qtn", stem+".json"); err != nil {
		return err
	}
	return leadsTo(stem, ".delta.qtn", true)
}

// leadsTo applies a change to the snapshot before, and compares with the one after: its clock too, if there is one
// told.
func leadsTo(stem, extension string, clockless bool) error {
	after, err := applyFiles(stem+".before.qtn", stem+extension)
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(stem + ".after.qtn")
	if err != nil {
		return err
	}
	want, err := qtn1.DecodeSnapshot(doc, qtn1.Options{})
	if err != nil {
		return fmt.Errorf("after: %w", err)
	}
	if clockless {
		want.Epoch, want.Seq = after.Epoch, after.Seq
	}
	if !reflect.DeepEqual(tellSnapshot(after), tellSnapshot(want)) {
		return errors.New("it does not lead to the snapshot after it")
	}
	return nil
}

func checkText(stem string) error {
	text, err := os.ReadFile(stem + ".txt")
	if err != nil {
		return err
	}
	want, err := os.ReadFile(stem + ".qtn")
	if err != nil {
		return err
	}
	doc, err := qtn1.FromText(string(text))
	if err == nil && !bytes.Equal(doc, want) {
		err = errors.New("the text is of another document")
	}
	return err
}

func checkInvalidText(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := qtn1.FromText(string(text))
	if err == nil {
		var kind qtn1.Kind
		if kind, err = qtn1.KindOf(doc); err == nil {
			_, err = tell(kind, doc)
		}
	}
	return refusedWith(err, file)
}

// checkInvalid decodes a document with a defect. Beside a snapshot before it, it is right, and can't be applied; and a
// manifest beside a snapshot is right, as that is, but does not name its groups.
func checkInvalid(stem string, kind qtn1.Kind, extension string) error {
	doc, err := os.ReadFile(stem + extension)
	if err != nil {
		return err
	}
	_, err = tell(kind, doc)
	manifest, snapshot := stem+extensions[qtn1.KindManifest], stem+extensions[qtn1.KindSnapshot]
	switch {
	case exists(manifest) && exists(snapshot):
		if err == nil && kind == qtn1.KindManifest {
			return refusedWith(assemble(manifest, snapshot), stem)
		}
		return err
	case exists(stem + ".before.qtn"):
		if err == nil {
			_, err = applyFiles(stem+".before.qtn", stem+extension)
		}
	}
	return refusedWith(err, stem)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// assemble makes a snapshot of a manifest and of its groups, which are those of the snapshot it is made from.
func assemble(manifest, snapshot string) error {
	told, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	whole, err := os.ReadFile(snapshot)
	if err != nil {
		return err
	}
	same, err := qtn1.Tells(told, whole, qtn1.Options{})
	if err == nil && !same {
		err = errors.New("the groups it names do not make the snapshot")
	}
	return err
}

// refusedWith compares an error with the code that the file's name begins with.
func refusedWith(err error, file string) error {
	code := strings.SplitN(filepath.Base(file), "--", 2)[0]
	var defect *qtn1.Error
	switch {
	case err == nil:
		return errors.New("it is not refused")
	case !errors.As(err, &defect):
		return err
	case defect.Code != code:
		return fmt.Errorf("it is refused with %s at %d", defect.Code, defect.Offset)
	}
	return nil
}

// says compares what a document says with its JSON.
func says(file, wanted string) error {
	said, err := tellFile(file)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	got, err := json.Marshal(said)
	if err != nil {
		return err
	}
	want, err := os.ReadFile(wanted)
	if err != nil {
		return err
	}
	same, err := sameJSON(got, want)
	if err == nil && !same {
		err = fmt.Errorf("%s says something else than %s", filepath.Base(file), filepath.Base(wanted))
	}
	return err
}

// sameJSON compares two JSON texts as values.
func sameJSON(a, b []byte) (bool, error) {
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, &right); err != nil {
		return false, err
	}
	return reflect.DeepEqual(left, right), nil
}
