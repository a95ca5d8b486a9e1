package sio

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

func TestScanAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `0`, `-0`, `-`, `1.`, `.5`, `1e`, `1E+5`, `01`, `1 1`, `tru`, `true`, `truefalse`, `nulll`, `"`, `"\u12g4"`, `"\u12aF"`,
		`[`, `[]`, `[,]`, `[1,]`, `[1 2]`, `]`, `{}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, "\"\t\"", "\x00", "\v1", "\u00a01",
	} {
		s := scanner{text: []byte(text), depth: maxDepth}
		if got := s.scanDocument(); got != json.Valid([]byte(text)) {
			t.Errorf("%q: valid is %v", text, got)
		}
	}
}

// FuzzScan compares the scanner with encoding/json. Both accept the same text, and the
// parsed value has a placeholder only if the scanner finds one.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`[1,-2.5e+3,"a\u00e9\n",{"b":[true,false,null]}]`, placeholder0, `{"_placeholder":false}`, `{"\u005fplaceholder":true}`,
		`{"_placeholder":true,"_placeholder":false}`, `[{"x":{"num":0,"_placeholder": true }}]`, "\"\xff\"", `{"\ud800":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) >= maxDepth {
			return
		}
		s := scanner{text: text, depth: maxDepth, attachments: len(text)}
		admitted, valid := s.scanDocument(), json.Valid(text)
		if admitted && !valid || !admitted && valid && !bytes.Contains(text, []byte("true")) {
			t.Fatalf("%q: admitted is %v, valid %v: %s", text, admitted, valid, s.problem)
		}
		s = scanner{text: text, depth: maxDepth}
		var v any
		if s.scanDocument() && json.Unmarshal(text, &v) == nil && hasPlaceholder(v) {
			t.Fatalf("%q: placeholder overlooked", text)
		}
	})
}

func hasPlaceholder(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		found := v["_placeholder"] == true
		for _, member := range v {
			found = found || hasPlaceholder(member)
		}
		return found
	case []any:
		if slices.ContainsFunc(v, hasPlaceholder) {
			return true
		}
	}
	return false
}
