package backend

import (
	"encoding/json"
	"testing"
)

// FuzzReplyAck checks that no answer does harm.
func FuzzReplyAck(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"ack":["x",{"$binary":"AA=="}]}`, `{"emit":[{"event":"e","rooms":1}]}`, `{"error":{"x":1}}`, `{"join":null,"data":{"a":null}}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseReply(body)
		if err != nil || a.Ack == nil {
			return
		}
		if raw, err := a.Ack.MarshalJSON(); err != nil || !json.Valid(raw) || raw[0] != '[' {
			t.Errorf("%s: the acknowledgement is %s, %v", body, raw, err)
		}
	})
}
