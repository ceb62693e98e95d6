package qtn1

import "encoding/binary"

// entryHash is h(entry) of section 6; digest is the entry's own.
func entryHash(entry *Entry, digest Hash128, buffer []byte) Hash128 {
	buffer = binary.LittleEndian.AppendUint32(buffer[:0], uint32(entry.Mode))
	buffer = binary.LittleEndian.AppendUint64(buffer, entry.Size)
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(entry.Mtime))
	buffer = digest.appendTo(buffer)
	return hash128(append(buffer, entry.Name...))
}

// digestOf is the digest of the directory that entries are everything below of, in directory order. parents are the
// indexes of their parents, -1 for that directory.
func digestOf(entries []Entry, parents []int32) (top Hash128) {
	digests := make([]Hash128, len(entries))
	buffer := make([]byte, 0, 36+maxName)
	for i := len(entries) - 1; i >= 0; i-- {
		parent := &top
		if parents[i] >= 0 {
			parent = &digests[parents[i]]
		}
		*parent = parent.Add(entryHash(&entries[i], digests[i], buffer))
	}
	return top
}

// ServiceDigest is the digest of a service from those of its roots, by their paths.
func ServiceDigest(roots map[string]Hash128) (sum Hash128) {
	for path, digest := range roots {
		sum = sum.Add(hash128(append(digest.appendTo(nil), path...)))
	}
	return sum
}

// Digest is the digest of the snapshot's top entry, counted from the entries, which are in directory order.
func Digest(s *Snapshot) Hash128 {
	indexes := map[uint32]int32{s.Top.ID: -1}
	parents := make([]int32, len(s.Entries))
	for i := range s.Entries {
		parents[i] = indexes[s.Entries[i].Parent]
		if s.Entries[i].IsDirectory() {
			indexes[s.Entries[i].ID] = int32(i)
		}
	}
	return digestOf(s.Entries, parents)
}
