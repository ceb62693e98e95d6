package glob

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

func TestTheCasesOfTheContract(t *testing.T) {
	text, err := os.ReadFile("../../../contract/globs.json")
	if err != nil {
		t.Fatal(err)
	}
	var told map[string][][3]any
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	cases := told["cases"]
	for _, c := range told["bytes"] {
		path, err := hex.DecodeString(c[1].(string))
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, [3]any{c[0], string(path), c[2]})
	}
	if len(cases) < 40 {
		t.Fatal("these are not the cases")
	}
	for _, c := range cases {
		if got := Compile(c[0].(string)).Match(c[1].(string)); got != c[2] {
			t.Errorf("%q on %q: %v", c[0], c[1], got)
		}
	}
}

func TestMore(t *testing.T) {
	for _, c := range []struct {
		glob, path string
		want       bool
	}{
		{"a/**", "a", true}, {"a/**", "b", false}, {"a/**/**", "a", true}, {"**/**", "x", true},
		{"a/**/b/**", "a/b", true}, {"a/**/b/**/c", "a/x/b/y/b/c", true}, {"a/**/b/*", "a/b/b", true},
		{"a/**/b", "a/b/c", false},
		{"/a", "a", true}, {"/a", "b/a", false}, {"*", "", false}, {"/**", "", true}, {"/", "", false},
		{"[\\]]", "]", true}, {"[!\\]]", "]", false}, {"[]", "[]", true}, {"a*", "a", true}, {"*?", "", false},
	} {
		if got := Compile(c.glob).Match(c.path); got != c.want {
			t.Errorf("%q on %q: %v", c.glob, c.path, got)
		}
	}
}
