package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzOperations sends any method, query and body to each operation. The response is JSON with a
// documented status, and a failed request publishes nothing.
func FuzzOperations(f *testing.F) {
	operations := []string{"", "emit", "join", "leave", "disconnect", "server_side_emit", "namespaces", "rooms", "sockets", "unknown"}
	for i := range operations {
		f.Add(uint8(i), "GET", "namespace=/chat&prefix=a&limit=10&after=x&own=true&in=a&in=b&except=c&local=true", "")
		f.Add(uint8(i), "POST", "hub=default&namespace=/org-1", `{"namespace":"/chat","in":["a"],"except":[1],"rooms":["b"],"close":true}`)
		f.Add(uint8(i), "POST", "", `{"event":"x","args":[{"$binary":"AAE="}],"ack":{"timeout":"1ms"},"id":"1"}`)
		f.Add(uint8(i), "POST", "limit=-1&x=%zz;", `[{"event":"a"},{"event":""},{"to":[],"event":"b"}]`)
		f.Add(uint8(i), "PUT", "limit=99999999999999999999", "\xff{}")
	}
	f.Fuzz(func(t *testing.T, number uint8, method, query, body string) {
		if strings.Contains(body, "ack") && strings.ContainsAny(body, "smhµu") && strings.Contains(body, "timeout") {
			body = strings.ReplaceAll(body, "timeout", "time") // an ack without sockets does not wait, but server_side_emit does
		}
		r, err := http.NewRequest(method, "/socketio/"+operations[int(number)%len(operations)]+"?"+query, strings.NewReader(body))
		if err != nil {
			return // net/http refuses the method or the URL
		}
		r.Header.Set("Content-Type", "application/json")
		x, w := newFixture(t), httptest.NewRecorder()
		x.ServeHTTP(w, r)
		got := response{w.Code, w.Header(), w.Body.String()}
		switch got.status {
		case 200:
		case 400, 403, 404, 405, 413, 415:
			var reply struct{ Error string }
			if json.Unmarshal([]byte(got.body), &reply) != nil || reply.Error == "" || len(x.listPublished()) > 0 {
				t.Errorf("status %d with %q, published %v", got.status, got.body, x.listPublished())
			}
		default:
			t.Errorf("status %d", got.status)
		}
		if !json.Valid([]byte(got.body)) {
			t.Errorf("response %q", got.body)
		}
	})
}
