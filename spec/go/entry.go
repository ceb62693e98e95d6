package qtn1

import "strings"

// Entry is one file, directory or other thing in a tree (section 2).
type Entry struct {
	ID     uint32
	Parent uint32 // of a root: 0
	Name   string // raw bytes; of a root its absolute path
	Mode   uint16
	Size   uint64
	Mtime  int64 // nanoseconds since 1970
}

const (
	typeMask      = 0xF000
	typeDirectory = 0x4000
)

func isDirectory(mode uint16) bool { return mode&typeMask == typeDirectory }

// IsDirectory says whether the entry can have children.
func (e *Entry) IsDirectory() bool { return isDirectory(e.Mode) }

func validMode(mode uint64) bool { return mode <= 0xFFFF && mode&typeMask != 0 }

func validName[T string | []byte](name T) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	s := string(name)
	return s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// validPath says whether path is "/", or names each after a "/". Its length is the caller's to look at.
func validPath(path string) bool {
	if path == "/" {
		return true
	}
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for _, name := range strings.Split(path[1:], "/") {
		if !validName(name) {
			return false
		}
	}
	return true
}
