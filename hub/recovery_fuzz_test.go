package hub

import (
	"encoding/json"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/sio"
)

// FuzzAuth reads the objects that clients connect with: the pid and the offset in them, and their
// members with their size.
func FuzzAuth(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"pid":"a","offset":"b"}`, `{"PID":1,"pid":"a"}`, `{"a":{"$binary":"AAE="},"a":2}`, `{"":"\ud800"}`, `{"pid":null,"token":[1,{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var auth sio.Data
		if len(text) > 0 && (auth.UnmarshalJSON(text) != nil || text[0] != '{') {
			return // the decoder refuses it
		}
		pid, offset := parseRecovery(auth)
		if len(pid)+len(offset) > 3*len(text) {
			t.Errorf("%d bytes became %d", len(text), len(pid)+len(offset))
		}
		values, size, err := parseMembers(auth)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		counted := 0
		for key, value := range values {
			counted += len(key) + value.Size()
			if encoded, err := value.MarshalJSON(); err != nil || !json.Valid(encoded) {
				t.Errorf("%q: member %q is %s, %v", text, key, encoded, err)
			}
		}
		if counted != size {
			t.Errorf("%q: size %d, want %d", text, size, counted)
		}
	})
}
