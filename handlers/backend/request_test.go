package backend

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
)

func TestForwardHeaderLeavesHopByHopOut(t *testing.T) {
	came := http.Header{
		"Accept-Language": {"de", "en"}, "Cookie": {"session=1"}, "X-Request-Id": {"7"},
		"Connection": {"keep-alive, Upgrade", "x-hop,\tX-Other"}, "Upgrade": {"websocket"}, "X-Hop": {"1"}, "X-Other": {"2"},
		"Sec-Websocket-Key": {"k"}, "Content-Length": {"0"}, "Accept-Encoding": {"br"}, "If-None-Match": {"*"}, "Webhook-Id": {"forged"},
	}
	before := came.Clone()
	went := forwardHeader(came)
	want := http.Header{"Accept-Language": {"de", "en"}, "Cookie": {"session=1"}, "X-Request-Id": {"7"}}
	if !reflect.DeepEqual(went, want) {
		t.Errorf("got %v, want %v", went, want)
	}
	// Changes by HTTP handlers do not reach the handshake.
	for name := range went {
		went[name][0] = "changed"
		went.Add(name, "more")
	}
	if !reflect.DeepEqual(came, before) {
		t.Errorf("the handshake has changed to %v", came)
	}
	if want := []string{"changed", "more"}; !reflect.DeepEqual(went["Cookie"], want) || !reflect.DeepEqual(went["X-Request-Id"], want) {
		t.Errorf("got %v, want each with its own values", went)
	}
}

// A config in JSON may spell the name of a header in any case.
func TestWithheldHeadersInAnyCase(t *testing.T) {
	for _, name := range []string{"Webhook-Id", "webhook-id", "webhook_id", "sec-websocket-key", "x-original-url", "proxy", "te"} {
		if !isWithheld(name) {
			t.Errorf("%s is forwarded", name)
		}
	}
	if isWithheld("x-webhook-id") {
		t.Error("x-webhook-id is withheld")
	}
}

func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "\x00\n\x7f", "é ☕ \u2028", "\xff", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		if err := json.Unmarshal(appendText(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		quoted, _ := json.Marshal(s)
		if _ = json.Unmarshal(quoted, &want); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	})
}
