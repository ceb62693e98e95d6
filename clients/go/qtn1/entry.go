package qtn1

import "strings"

// Entry is one file, directory or other thing of a tree.
type Entry struct {
	ID     uint32 // stable within an epoch
	Parent uint32 // 0 for a root
	Name   string // one component of a path, as raw bytes
	Mode   uint16 // st_mode: type and permissions
	Size   uint64
	Mtime  int64 // nanoseconds since 1970
}

const (
	typeMask      = 0xF000
	typeDirectory = 0x4000
)

// IsDirectory says whether a mode is a directory's.
func IsDirectory(mode uint16) bool { return mode&typeMask == typeDirectory }

// IsDirectory says whether the entry can have children.
func (e *Entry) IsDirectory() bool { return IsDirectory(e.Mode) }

func validMode(mode uint64) bool { return mode <= 0xFFFF && mode&typeMask != 0 }

func validName(name string) bool {
	return len(name) > 0 && len(name) <= maxName && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// validPath says whether path is "/", or names each after a "/". Its length is the caller's to look at.
func validPath(path string) bool {
	if path == "/" {
		return true
	}
	rest, absolute := strings.CutPrefix(path, "/")
	if !absolute {
		return false
	}
	for _, name := range strings.Split(rest, "/") {
		if !validName(name) {
			return false
		}
	}
	return true
}
