package qtn1

import (
	"encoding/binary"
)

// Manifest is a snapshot with the addresses of its parts in their place.
type Manifest struct {
	Header
	Chunks []ManifestChunk

	doc   []byte
	begin int // where the chunks begin in doc
}

// ManifestChunk tells of one chunk: its groups are the names, then modes, sizes and times, then the ids.
type ManifestChunk struct {
	Entries int
	Groups  [3]Group
}

// Group names a group of columns.
type Group struct {
	Address Hash
	Stored  uint64 // its size, as it stands in the snapshot
	offset  int    // where the address stands in the manifest
}

// groupColumns is how many columns each group of a chunk has.
var groupColumns = [3]int{5, 5, 2}

// DecodeManifest reads a manifest. It keeps doc.
func DecodeManifest(doc []byte, limits Limits) (*Manifest, error) {
	c, _, err := open(doc, manifestForm)
	if err != nil {
		return nil, err
	}
	header, chunks, err := c.header(limits)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Header: header, doc: doc, begin: c.offset()}
	left := header.Entries
	for ; chunks > 0; chunks-- {
		var ch ManifestChunk
		if ch.Entries, err = c.chunkSize(left); err != nil {
			return nil, err
		}
		for i := range ch.Groups {
			if ch.Groups[i], err = c.group(); err != nil {
				return nil, err
			}
		}
		left -= ch.Entries
		m.Chunks = append(m.Chunks, ch)
	}
	if left > 0 {
		return nil, c.fail(codeEntryCount)
	}
	return m, c.end()
}

func (c *cursor) group() (g Group, err error) {
	g.offset = c.offset()
	if g.Address, err = c.hash(); err != nil {
		return g, err
	}
	g.Stored, err = c.varint()
	return g, err
}

// Assemble makes the snapshot's document that the manifest tells of; get hands over the groups that it names, one after
// the other. One that is not what its address says is the error "address", at its place in the manifest.
func (m *Manifest) Assemble(get func(Group) ([]byte, error)) ([]byte, error) {
	snapshot := append(snapshotForm.magic[:], m.doc[magicSize:m.begin]...)
	for _, ch := range m.Chunks {
		snapshot = binary.AppendUvarint(snapshot, uint64(ch.Entries))
		for i, group := range ch.Groups {
			stored, err := get(group)
			if err != nil {
				return nil, err
			}
			address, err := addressOf(stored, groupColumns[i])
			if err != nil || address != group.Address || uint64(len(stored)) != group.Stored {
				return nil, &Error{codeAddress, group.offset}
			}
			snapshot = append(snapshot, stored...)
		}
	}
	return append(snapshot, check(snapshot, snapshotForm.checkSize)...), nil
}

// addressOf is the address of a group: the hash of its columns unpacked, each with its size before it.
func addressOf(group []byte, columns int) (Hash, error) {
	c := &cursor{data: group}
	var unpacked, buffer []byte
	for ; columns > 0; columns-- {
		col, err := c.column(maxColumn)
		if err != nil {
			return Hash{}, err
		}
		raw, err := col.open(&buffer)
		if err != nil {
			return Hash{}, err
		}
		unpacked = binary.AppendUvarint(unpacked, uint64(len(raw.data)))
		unpacked = append(unpacked, raw.data...)
	}
	return hashOf(unpacked), c.end()
}

// Groups is the groups of a snapshot's document by their addresses, as they stand there. The document is one that was
// decoded before; of any other the groups of what is sound are told.
func Groups(doc []byte) map[Hash][]byte {
	groups := map[Hash][]byte{}
	c, _, err := open(doc, snapshotForm)
	if err != nil {
		return groups
	}
	header, chunks, err := c.header(Limits{})
	for ; err == nil && chunks > 0; chunks-- {
		if _, err = c.chunkSize(header.Entries); err != nil {
			break
		}
		for _, columns := range groupColumns {
			start := c.pos
			for i := 0; err == nil && i < columns; i++ {
				_, err = c.column(maxColumn)
			}
			if address, invalid := addressOf(doc[start:c.pos], columns); err == nil && invalid == nil {
				groups[address] = doc[start:c.pos]
			}
		}
	}
	return groups
}
