package qtn1

import "fmt"

// Error is a defect of a document (section 8).
type Error struct {
	Code   string // as the page prints it
	Offset int    // the byte of the document where reading stopped; of applying, the index of the record
}

func (e *Error) Error() string {
	return fmt.Sprintf("qtn1: %s at %d", e.Code, e.Offset)
}

// The codes of section 8.
const (
	codeTextPrefix = "text-prefix"
	codeBase64     = "base64"

	codeTruncated         = "truncated"
	codeMagic             = "magic"
	codeUnknownVersion    = "unknown-version"
	codeCheck             = "check"
	codeSection           = "section"
	codeBytesLeftOver     = "bytes-left-over"
	codeVarintTooLong     = "varint-too-long"
	codeVarintNotShortest = "varint-not-shortest"

	codeColumnTooLarge = "column-too-large"
	codeColumnSize     = "column-size"
	codeZstd           = "zstd"
	codeZstdSize       = "zstd-size"
	codeZstdHeader     = "zstd-header"

	codeIDRange        = "id-range"
	codeTopEntry       = "top-entry"
	codePathTooLong    = "path-too-long"
	codeMode           = "mode"
	codeDigest         = "digest"
	codeTooManyEntries = "too-many-entries"
	codeChildCounts    = "child-counts"
	codeChunkCount     = "chunk-count"
	codeChunkSize      = "chunk-size"
	codeEntryCount     = "entry-count"
	codeBelowCounts    = "below-counts"
	codeNamePrefix     = "name-prefix"
	codeName           = "name"
	codeExtensions     = "extensions"
	codeExtensionID    = "extension-id"
	codeModeTable      = "mode-table"
	codeModeIndex      = "mode-index"
	codeSizeWidth      = "size-width"
	codeSizePadding    = "size-padding"
	codeDirectorySize  = "directory-size"
	codeTimeTable      = "time-table"
	codeTimeIndex      = "time-index"
	codeIDRuns         = "id-runs"
	codeIDTwice        = "id-twice"
	codeOrder          = "order"
	codeTooDeep        = "too-deep"

	codeAddress = "address"

	codeTooManyRecords = "too-many-records"
	codeMask           = "mask"
	codeClock          = "clock"
	codeVoidDigest     = "void-digest"
	codeEmptyDelta     = "empty-delta"

	codeIncompleteRecord = "incomplete-record"
	codeTypeTurned       = "type-turned"
	codeParent           = "parent"
	codeNameTwice        = "name-twice"
	codeBelowItself      = "below-itself"
	codeBelowDeleted     = "below-deleted"
)
