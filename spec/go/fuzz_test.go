package qtn1

import "testing"

// Whatever a body holds, each decoder answers with what it says or with an *Error, and what it says can be used.
func FuzzBodies(f *testing.F) {
	for _, packed := range []bool{false, true} {
		s := plain(sample(), 5)
		s.packed = packed
		doc := s.document()
		groups, err := Groups(doc, Options{})
		if err != nil {
			f.Fatal(err)
		}
		manifest := plainManifest(s, groups)
		f.Add(byte(KindSnapshot), byte(0), doc[4:len(doc)-8])
		f.Add(byte(KindManifest), byte(0), manifest[4:len(manifest)-8])
		f.Add(byte(KindDelta), byte(flagColumns), plainBody(6, plainColumns(someRecords()), true, packed))
		f.Add(byte(KindDelta), byte(0), plainBody(6, plainColumns(someRecords()), false, false))
		f.Add(byte(KindBatch), byte(0), batchBody(7, 2, 9))
	}
	tree := NewTree(&Snapshot{Header{Top: Top{ID: 1, Path: "/", Mode: directoryMode}}, []Entry{}})
	options := Options{MaxEntries: 1 << 16}
	f.Fuzz(func(t *testing.T, kind, flags byte, body []byte) {
		doc := closed(Kind(kind%4), flags, body)
		var err error
		switch Kind(kind % 4) {
		case KindSnapshot:
			var s *Snapshot
			if s, err = DecodeSnapshot(doc, options); err == nil {
				again, lost := NewTree(s).Snapshot(s.Epoch, s.Seq)
				if lost != nil || again.Digest != s.Digest {
					t.Error(lost)
				}
			}
			_, _ = DecodeBelow(doc, "/srv/data/a/e", options)
		case KindManifest:
			_, err = DecodeManifest(doc, options)
		case KindBatch:
			_, err = DecodeBatch(doc, options)
		case KindDelta:
			var d *Delta
			if d, err = DecodeDelta(doc, options); err == nil {
				_, _ = tree.Apply(d.Records)
			}
		}
		if _, defect := err.(*Error); err != nil && !defect {
			t.Error(err)
		}
	})
}
