package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// openTail requests a tail, and returns a function that reads its next record.
func openTail(t *testing.T, url string) (next func() TailRecord) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("got status %d, %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	root := readSpec(t)
	schema := root.descend(root, "components", "schemas", "TailRecord")
	return func() (record TailRecord) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			var v any
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				t.Fatal(err)
			}
			if err := schema.validateValue(root, v); err != nil {
				t.Errorf("%s: %v", lines.Text(), err)
			}
			if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
				t.Fatal(err)
			}
			return record
		}
		t.Fatal(lines.Err())
		return record
	}
}

func TestTailStreamsRecords(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	t.Cleanup(func() { // the streams end with the test
		server.CloseClientConnections()
		server.Close()
	})
	next := openTail(t, server.URL+"/socketio/tail?namespace=/chat&event=m*")
	c := connectClient(t, server, "/chat")
	connectClient(t, server, "/").postPacket(`42["message"]`)
	c.postPacket(`42/chat,["else"]`)
	c.postPacket(`42/chat,["message",{"token":"t"},"hi"]`)
	if r := next(); r.Kind != "event" || r.Event != "message" || string(r.Args) != `[{"token":"(hidden)"},"hi"]` || r.Socket != c.id {
		t.Errorf("got %+v", r)
	}

	f.api.OnlyNamespaces = []string{"/org-*"}
	f.checkResponse(f.getReply("tail?namespace=/chat"), 403, `namespace: "/chat" is not allowed here`)
	f.checkResponse(f.getReply("tail?namespace=/"+strings.Repeat("a", 2000)), 400, "namespace: longer than")
	f.checkResponse(f.getReply("tail?raw=yes"), 400, `raw: unexpected "yes", expected true or false`)
	next = openTail(t, server.URL+"/socketio/tail?raw=true")
	c.postPacket(`42/chat,["message"]`)
	connectClient(t, server, "/org-1").postPacket(`42/org-1,["secret","s"]`)
	if r := next(); r.Kind != "connect" || r.Namespace != "/org-1" || r.Address == "" {
		t.Errorf("got %+v", r)
	}
	if r := next(); r.Event != "secret" || string(r.Args) != `["s"]` {
		t.Errorf("got %+v", r)
	}
}

// probeTail opens a tail without a body.
func (f *fixture) probeTail() (status int, contentType string) {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/socketio/tail", nil))
	return w.Code, w.Header().Get("Content-Type")
}

func TestTailOfGoneClientIsClosed(t *testing.T) {
	f := newFixture(t)
	server := httptest.NewServer(f)
	defer server.Close()
	for range 40 { // more than may be open at a time
		resp, err := http.Get(server.URL + "/socketio/tail")
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable {
			time.Sleep(time.Millisecond) // the server has not noticed the last end yet
		}
		resp.Body.Close()
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if status, _ := f.probeTail(); status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("tails of gone clients stay open")
		}
	}
}
