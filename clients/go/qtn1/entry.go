package qtn1

import (
	"io/fs"
	"strings"
	"time"
)

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

// ModTime is when the entry was modified.
func (e *Entry) ModTime() time.Time { return time.Unix(0, e.Mtime) }

// FileMode is the mode as package fs has it.
func (e *Entry) FileMode() fs.FileMode {
	mode := fs.FileMode(e.Mode & 0o777)
	switch e.Mode & typeMask {
	case 0x8000:
	case typeDirectory:
		mode |= fs.ModeDir
	case 0xA000:
		mode |= fs.ModeSymlink
	case 0x1000:
		mode |= fs.ModeNamedPipe
	case 0xC000:
		mode |= fs.ModeSocket
	case 0x6000:
		mode |= fs.ModeDevice
	case 0x2000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	default:
		mode |= fs.ModeIrregular
	}
	for _, bit := range []struct {
		told uint16
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if e.Mode&bit.told != 0 {
			mode |= bit.mode
		}
	}
	return mode
}

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
