package qtn1

import (
	"bytes"
	"encoding/base64"
	"testing"
)

func TestText(t *testing.T) {
	for kind, form := range forms {
		doc := append(append([]byte{}, form.magic[:]...), 0, 0xFF, byte(kind))
		text := base64.StdEncoding.EncodeToString(doc)
		if got, err := FromText(form.prefix + text); err != nil || !bytes.Equal(got, doc) {
			t.Error(got, err)
		}
		for wrong, code := range map[string]string{
			"QTN2:" + text:                codeTextPrefix,
			" " + form.prefix + text:      codeTextPrefix,
			form.prefix + text + "\n":     codeBase64,
			form.prefix + text[:7]:        codeBase64,
			form.prefix + "AQIDAP8=":      codeTextPrefix,
			form.prefix + "AQI_":          codeBase64,
			form.prefix + text + "AQ==":   "",
			form.prefix + text + "AR==":   codeBase64,
			form.prefix + text + "AQ==AA": codeBase64,
		} {
			_, err := FromText(wrong)
			if code == "" {
				if err != nil {
					t.Error(wrong, err)
				}
			} else if !(kind == 0 && wrong == form.prefix+"AQIDAP8=") {
				refused(t, err, code)
			}
		}
	}
}
