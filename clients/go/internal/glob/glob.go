// Package glob matches paths, byte by byte, against what subscribers ask for.
//
// "*" and "?" match within a name, "[a-z]" and "[!a-z]" one byte of it, "**" any number of names, and "\" takes the
// byte after it literally. A glob without a "/" matches the last name of a path, at any depth; a "/" at its beginning
// or in it ties it to the root.
package glob

import "strings"

// Glob is a glob, to be matched any number of times.
type Glob struct {
	names []string // a pattern for each name; "**" stands for any number of names
}

// Compile makes a Glob. There is none that is wrong: what can't be a class, or has nothing behind "\", is literal.
func Compile(glob string) Glob {
	if !strings.Contains(glob, "/") {
		return Glob{[]string{"**", glob}}
	}
	return Glob{strings.Split(strings.TrimPrefix(glob, "/"), "/")}
}

// Match says whether a path below the root, without a "/" at its beginning, matches. That of the root itself is empty:
// it matches what needs no name.
func (g Glob) Match(path string) bool {
	return matchNames(g.names, path)
}

// matchNames goes back only to the last "**": whatever one before it could have passed over, this one can, too.
func matchNames(patterns []string, path string) bool {
	at, more := 0, path != "" // the pattern next; whether there are names left in path
	back, rest := -1, ""
	for more || at < len(patterns) {
		if at < len(patterns) && patterns[at] == "**" {
			at++
			back, rest = at, path
			if !more {
				back = -1 // nothing is left that it could pass over
			}
			continue
		}
		if more && at < len(patterns) {
			name, after, found := strings.Cut(path, "/")
			if matchName(patterns[at], name) {
				at, path, more = at+1, after, found
				continue
			}
		}
		if back < 0 {
			return false
		}
		_, after, found := strings.Cut(rest, "/")
		at, path, more = back, after, found
		rest = after
		if !found {
			back = -1
		}
	}
	return true
}

// matchName goes back only to the last "*", for the same reason.
func matchName(pattern, name string) bool {
	p, n := 0, 0
	back, rest := -1, 0
	for n < len(name) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			back, rest = p, n
			continue
		}
		if n < len(name) && p < len(pattern) {
			if size, matches := matchByte(pattern[p:], name[n]); matches {
				p, n = p+size, n+1
				continue
			}
		}
		if back < 0 || rest == len(name) {
			return false
		}
		rest++
		p, n = back, rest
	}
	return true
}

// matchByte matches what stands at the beginning of pattern, and is no "*", and says how long it is.
func matchByte(pattern string, b byte) (size int, matches bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if end := classEnd(pattern); end > 0 {
			return end + 1, matchClass(pattern[1:end], b)
		}
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == b
		}
	}
	return 1, pattern[0] == b
}

// classEnd is where the "]" stands that ends the class which pattern begins with; 0 if none does. One that comes first
// is part of the class.
func classEnd(pattern string) int {
	i := 1
	if i < len(pattern) && pattern[i] == '!' {
		i++
	}
	for first := i; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			i++
		case pattern[i] == ']' && i > first:
			return i
		}
	}
	return 0
}

func matchClass(class string, b byte) bool {
	class, negated := strings.CutPrefix(class, "!")
	matches := false
	for len(class) > 0 {
		low, size := classByte(class)
		class = class[size:]
		high := low
		if len(class) > 1 && class[0] == '-' {
			high, size = classByte(class[1:])
			class = class[1+size:]
		}
		matches = matches || low <= b && b <= high
	}
	return matches != negated
}

func classByte(class string) (b byte, size int) {
	if class[0] == '\\' && len(class) > 1 {
		return class[1], 2
	}
	return class[0], 1
}
