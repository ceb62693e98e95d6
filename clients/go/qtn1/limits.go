package qtn1

// What the format bounds.
const (
	MaxEntries = 50_000_000 // of a snapshot, and records of a batch
	MaxID      = 49_999_999
	MaxDepth   = 512

	maxName         = 1024
	maxPath         = 65_535
	maxChunkEntries = 65_536
	maxColumn       = 8 << 20
	maxBodyColumn   = 1 << 30 // a column of a batch or delta
	maxWindow       = 8 << 20
	maxExtensions   = 127
	maxSizeWidth    = 63
	maxRecordBytes  = 65_536 // of a column with a size, for each record
)

// Limits bound what a caller lets a document cost. The zero value leaves it to the format.
type Limits struct {
	Entries int // of a snapshot or manifest, and records of a batch or delta
}

func (l Limits) entries() uint64 {
	if l.Entries > 0 && l.Entries < MaxEntries {
		return uint64(l.Entries)
	}
	return MaxEntries
}
