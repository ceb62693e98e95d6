package qtn1

import "fmt"

// Error is a defect of a document, or of records that can't be applied.
type Error struct {
	Code   string // as the format's page prints it: "truncated", "check", "name-twice" …
	Offset int    // the byte of the document where reading stopped; of applying, the index of the record
}

func (e *Error) Error() string {
	return fmt.Sprintf("qtn1: %s at %d", e.Code, e.Offset)
}

// The codes of a text form, of documents, and of columns.
const (
	codeTextPrefix        = "text-prefix"
	codeBase64            = "base64"
	codeTruncated         = "truncated"
	codeMagic             = "magic"
	codeUnknownVersion    = "unknown-version"
	codeCheck             = "check"
	codeSection           = "section"
	codeBytesLeftOver     = "bytes-left-over"
	codeVarintTooLong     = "varint-too-long"
	codeVarintNotShortest = "varint-not-shortest"
	codeColumnTooLarge    = "column-too-large"
	codeColumnSize        = "column-size"
	codeZstd              = "zstd"
	codeZstdSize          = "zstd-size"
	codeZstdHeader        = "zstd-header"
)

// The codes of what documents say.
const (
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
	codeAddress        = "address"
	codeTooManyRecords = "too-many-records"
	codeMask           = "mask"
	codeClock          = "clock"
	codeVoidDigest     = "void-digest"
	codeEmptyDelta     = "empty-delta"
)
