package qtn1

// What the page bounds.
const (
	maxEntries      = 50_000_000 // of a snapshot, and records of a batch
	maxID           = 49_999_999
	maxName         = 1024
	maxPath         = 65_535
	maxDepth        = 512
	maxChunkEntries = 65_536
	maxColumn       = 8 << 20
	maxBodyColumn   = 1 << 30 // a column of a batch or delta
	maxWindow       = 8 << 20
	maxExtensions   = 127
	maxSizeWidth    = 63
)

// Options bound what a caller lets a document cost.
type Options struct {
	// MaxEntries bounds the entries of a snapshot and the records of a batch or delta, below what the page does.
	// 0 leaves it to the page.
	MaxEntries int
}

func (o Options) maxEntries() uint64 {
	if o.MaxEntries > 0 && o.MaxEntries < maxEntries {
		return uint64(o.MaxEntries)
	}
	return maxEntries
}
