package qtn1

import (
	"bytes"
	"encoding/binary"
)

// GroupKind is one of the three groups of a chunk's columns.
type GroupKind int

// The groups.
const (
	NameGroup GroupKind = iota
	MetaGroup
	IDGroup
	groupCount
)

// groupColumns is how many columns each group has.
var groupColumns = [groupCount]int{NameGroup: 5, MetaGroup: 5, IDGroup: 2}

// Manifest is a snapshot with the addresses of its parts in their place (section 3, "Groups and manifest").
type Manifest struct {
	Header
	Chunks []ManifestChunk
}

// ManifestChunk tells of one chunk.
type ManifestChunk struct {
	Entries int
	Groups  [groupCount]GroupRef
}

// GroupRef names a group.
type GroupRef struct {
	Address Hash128
	Stored  uint64 // its size, as it stands in the snapshot
	offset  int    // where the address stands in the manifest
}

// DecodeManifest reads a manifest.
func DecodeManifest(doc []byte, options Options) (*Manifest, error) {
	manifest, _, err := decodeManifest(doc, options)
	return manifest, err
}

// decodeManifest says, too, where the chunks begin.
func decodeManifest(doc []byte, options Options) (*Manifest, int, error) {
	c, _, err := open(doc, KindManifest)
	if err != nil {
		return nil, 0, err
	}
	header, chunks, err := c.header(options)
	if err != nil {
		return nil, 0, err
	}
	manifest, begin, left := &Manifest{Header: header}, c.offset(), header.Entries
	for ; chunks > 0; chunks-- {
		var ch ManifestChunk
		if ch.Entries, err = c.chunkSize(left); err != nil {
			return nil, 0, err
		}
		for kind := range ch.Groups {
			if ch.Groups[kind], err = c.groupRef(); err != nil {
				return nil, 0, err
			}
		}
		left -= ch.Entries
		manifest.Chunks = append(manifest.Chunks, ch)
	}
	if left > 0 {
		return nil, 0, c.fail(codeEntryCount)
	}
	return manifest, begin, c.end()
}

func (c *cursor) groupRef() (ref GroupRef, err error) {
	ref.offset = c.offset()
	if ref.Address, err = c.u128(); err != nil {
		return ref, err
	}
	ref.Stored, err = c.varint()
	return ref, err
}

// Address is the address of a group: the hash of its columns unpacked, each with its size before it.
func Address(kind GroupKind, group []byte) (Hash128, error) {
	c := &cursor{data: group}
	var unpacked []byte
	for i := 0; i < groupColumns[kind]; i++ {
		column, err := c.opened(maxColumn)
		if err != nil {
			return Hash128{}, err
		}
		unpacked = binary.AppendUvarint(unpacked, uint64(len(column.data)))
		unpacked = append(unpacked, column.data...)
	}
	return hash128(unpacked), c.end()
}

// Assemble is the snapshot that a manifest tells of; get hands over the groups it names. A group that is not what its
// address says, or that can't be unpacked, is the error "address", at its place in the manifest.
func Assemble(doc []byte, options Options, get func(GroupKind, GroupRef) ([]byte, error)) ([]byte, error) {
	manifest, begin, err := decodeManifest(doc, options)
	if err != nil {
		return nil, err
	}
	form := forms[KindSnapshot]
	snapshot := append(form.magic[:], doc[magicSize:begin]...)
	for _, ch := range manifest.Chunks {
		snapshot = binary.AppendUvarint(snapshot, uint64(ch.Entries))
		for kind, ref := range ch.Groups {
			group, err := get(GroupKind(kind), ref)
			if err != nil {
				return nil, err
			}
			address, err := Address(GroupKind(kind), group)
			if err != nil || address != ref.Address || uint64(len(group)) != ref.Stored {
				return nil, &Error{codeAddress, ref.offset}
			}
			snapshot = append(snapshot, group...)
		}
	}
	return append(snapshot, check(snapshot, form.checkSize)...), nil
}

// Groups is the groups of each chunk of a snapshot, as they stand there.
func Groups(doc []byte, options Options) (groups [][groupCount][]byte, err error) {
	x, err := newIndex(doc, options)
	if err != nil {
		return nil, err
	}
	for _, ch := range x.chunks {
		var of [groupCount][]byte
		first := 0
		for kind, count := range groupColumns {
			for _, column := range ch.columns[first : first+count] {
				of[kind] = binary.AppendUvarint(of[kind], column.rawSize)
				of[kind] = binary.AppendUvarint(of[kind], uint64(len(column.stored)))
				of[kind] = append(of[kind], column.stored...)
			}
			first += count
		}
		groups = append(groups, of)
	}
	return groups, nil
}

// Tells says whether manifest is the one of snapshot, which it is when the snapshot's groups make the snapshot again.
func Tells(manifest, snapshot []byte, options Options) (bool, error) {
	groups, err := Groups(snapshot, options)
	if err != nil {
		return false, err
	}
	number := 0
	assembled, err := Assemble(manifest, options, func(kind GroupKind, _ GroupRef) ([]byte, error) {
		if number >= len(groups) {
			return nil, nil
		}
		group := groups[number][kind]
		if kind == IDGroup {
			number++
		}
		return group, nil
	})
	return err == nil && bytes.Equal(assembled, snapshot), err
}
