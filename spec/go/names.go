package qtn1

// names is the name group of a chunk but for the child counts: previous_name[:prefix] + suffix + extension.
func (ch *chunk) names() ([]string, error) {
	var prefixes, extensionIDs []byte
	var extensions [][]byte
	err := ch.read(columnPrefixes, func(c *cursor) (err error) { prefixes, err = c.take(uint64(ch.count)); return err })
	if err != nil {
		return nil, err
	}
	err = ch.read(columnExtensions, func(c *cursor) (err error) { extensions, err = c.extensions(); return err })
	if err != nil {
		return nil, err
	}
	err = ch.read(columnExtensionIDs, func(c *cursor) (err error) {
		extensionIDs, err = c.extensionIDs(ch.count, len(extensions))
		return err
	})
	if err != nil {
		return nil, err
	}

	names := make([]string, ch.count)
	prefixFault := func(i int) error {
		return &Error{codeNamePrefix, ch.columns[columnPrefixes].offsetOf(i)}
	}
	err = ch.read(columnSuffixes, func(c *cursor) error {
		var name []byte
		for i := range names {
			prefix := int(prefixes[i])
			if prefix > len(name) {
				return prefixFault(i)
			}
			suffix, err := c.toNUL()
			if err != nil {
				return err
			}
			name = append(name[:prefix], suffix...)
			if id := extensionIDs[i]; id > 0 {
				name = append(name, extensions[id-1]...)
			}
			if !validName(name) {
				return c.fail(codeName)
			}
			names[i] = string(name)
		}
		return nil
	})
	return names, err
}

// extensions is column 4, to its end.
func (c *cursor) extensions() (extensions [][]byte, err error) {
	for c.left() > 0 {
		extension, err := c.toNUL()
		if err != nil {
			return nil, err
		}
		if len(extension) < 2 || extension[0] != '.' || len(extensions) == maxExtensions {
			return nil, c.fail(codeExtensions)
		}
		extensions = append(extensions, extension)
	}
	return extensions, nil
}

// extensionIDs is column 5, the extensions being known.
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
