package qtn1

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// FromText is the document that a text form holds. It says whether the prefix fits the document, and no more of it.
// The offset of its errors is a byte of the text.
func FromText(text string) ([]byte, error) {
	var matched form
	for _, form := range forms {
		if strings.HasPrefix(text, form.prefix) && len(form.prefix) > len(matched.prefix) {
			matched = form
		}
	}
	if matched.prefix == "" {
		return nil, &Error{codeTextPrefix, 0}
	}
	encoded := text[len(matched.prefix):]
	if i := strings.IndexAny(encoded, "\r\n"); i >= 0 { // which the library would pass over
		return nil, &Error{codeBase64, len(matched.prefix) + i}
	}
	doc, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		at := 0
		if corrupt, ok := err.(base64.CorruptInputError); ok {
			at = int(corrupt)
		}
		return nil, &Error{codeBase64, len(matched.prefix) + at}
	}
	if !bytes.HasPrefix(doc, matched.magic[:]) {
		return nil, &Error{codeTextPrefix, 0}
	}
	return doc, nil
}
