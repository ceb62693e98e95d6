package qtn1

import (
	"bytes"
	"strings"
)

// nameParts is what the names of a chunk are put together from: previous_name[:prefix] + suffix + extension.
type nameParts struct {
	prefixes, extensionIDs []byte
	extensions             []string // from 1; 0 is none
}

// names appends the chunk's names, which are parts of one string.
func (r *chunkReader) names() error {
	parts := nameParts{}
	n := r.chunk.count
	columns := []struct {
		number int
		reader func(*cursor) error
	}{
		{columnPrefixes, func(c *cursor) (err error) { parts.prefixes, err = c.take(uint64(n)); return err }},
		{columnExtensions, func(c *cursor) (err error) { parts.extensions, err = c.extensions(); return err }},
		{columnExtensionIDs, func(c *cursor) (err error) {
			parts.extensionIDs, err = c.extensionIDs(n, len(parts.extensions)-1)
			return err
		}},
		{columnSuffixes, func(c *cursor) error { return r.assemble(&parts, c) }},
	}
	for _, column := range columns {
		if err := r.read(column.number, column.reader); err != nil {
			return err
		}
	}
	return nil
}

// assemble puts the names together. A name without a slash is one whose parts have none: they are looked at once.
func (r *chunkReader) assemble(parts *nameParts, c *cursor) error {
	var all strings.Builder
	all.Grow(parts.totalSize(len(c.data)))
	plain := bytes.IndexByte(c.data, '/') < 0 && !strings.Contains(strings.Join(parts.extensions, ""), "/")
	start, end := 0, 0 // of the name before
	for i, prefix := range parts.prefixes {
		if int(prefix) > end-start {
			return &Error{codeNamePrefix, r.chunk.columns[columnPrefixes].base}
		}
		suffix, err := c.toNUL()
		if err != nil {
			return err
		}
		extension := parts.extensions[parts.extensionIDs[i]]
		if size := int(prefix) + len(suffix) + len(extension); size == 0 || size > maxName {
			return c.fail(codeName)
		}
		before := all.String()[start : start+int(prefix)]
		start = end
		all.WriteString(before)
		all.Write(suffix)
		all.WriteString(extension)
		end = all.Len()
		name := all.String()[start:end]
		if !plain && strings.IndexByte(name, '/') >= 0 || name == "." || name == ".." {
			return c.fail(codeName)
		}
		r.into.Names = append(r.into.Names, name)
	}
	return nil
}

// totalSize is the length of all names together, as far as none is too long: they are made without being moved.
func (p *nameParts) totalSize(suffixes int) int {
	size := suffixes
	for i, prefix := range p.prefixes {
		size += int(prefix) + len(p.extensions[p.extensionIDs[i]])
	}
	return min(size, len(p.prefixes)*maxName)
}

// extensions is the table of extensions, to its end, after one for none.
func (c *cursor) extensions() ([]string, error) {
	extensions := []string{""}
	for c.left() > 0 {
		extension, err := c.toNUL()
		if err != nil {
			return nil, err
		}
		if len(extension) < 2 || extension[0] != '.' || len(extensions) > maxExtensions {
			return nil, c.fail(codeExtensions)
		}
		extensions = append(extensions, string(extension))
	}
	return extensions, nil
}

func (c *cursor) extensionIDs(n, known int) ([]byte, error) {
	ids, err := c.take(uint64(n))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if int(id) > known {
			return nil, c.fail(codeExtensionID)
		}
	}
	return ids, nil
}
