package qtn1

import (
	"bytes"
	"testing"
)

// plainManifest writes the manifest of a snapshot.
func plainManifest(s *plainSnapshot, groups [][groupCount][]byte) []byte {
	headless := *s
	headless.chunks = nil
	doc := headless.document()
	body := doc[4 : len(doc)-8-1] // without the chunk count
	body = append(body[:len(body):len(body)], uvarints(uint64(len(groups)))...)
	for i, of := range groups {
		body = append(body, uvarints(uint64(s.chunks[i].count))...)
		for kind, group := range of {
			address, _ := Address(GroupKind(kind), group)
			body = append(address.appendTo(body), uvarints(uint64(len(group)))...)
		}
	}
	return closed(KindManifest, s.flags, body)
}

func TestManifestAndGroupsMakeTheSnapshot(t *testing.T) {
	for _, packed := range []bool{false, true} {
		s := plain(sample(), 4)
		s.packed, s.flags, s.sections = packed, 4, []byte{1, 1, 'x', 0}
		doc := s.document()
		groups, err := Groups(doc, Options{})
		if err != nil {
			t.Fatal(err)
		}
		manifest := plainManifest(s, groups)
		said, err := DecodeManifest(manifest, Options{})
		if err != nil || len(said.Chunks) != 4 || said.Entries != 13 || said.Top != s.top {
			t.Errorf("got %v, %v", said, err)
		}
		if tells, err := Tells(manifest, doc, Options{}); err != nil || !tells {
			t.Error(tells, err)
		}
		for i := range manifest[4 : len(manifest)-8] {
			damaged := append([]byte{}, manifest[4:len(manifest)-8]...)
			damaged[i] ^= 0x81
			_, err := DecodeManifest(closed(KindManifest, 4, damaged), Options{})
			if _, defect := err.(*Error); err != nil && !defect {
				t.Error(err)
			}
		}
		_, err = Assemble(manifest, Options{}, func(GroupKind, GroupRef) ([]byte, error) { return []byte{0, 0}, nil })
		refused(t, err, codeAddress)
	}
}

func TestAddressIsOfWhatIsUnpacked(t *testing.T) {
	raw := append(uvarints(100), bytes.Repeat([]byte{'a'}, 100)...)
	want := hash128(append(append([]byte{}, raw...), 0))
	for _, packed := range []bool{false, true} {
		group := append(packedColumn(raw[1:], packed), 0, 0)
		if got, err := Address(IDGroup, group); err != nil || got != want {
			t.Error(got, err)
		}
	}
}
