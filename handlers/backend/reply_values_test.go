package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// Errors are in logs, and replies may have secrets.
func TestErrorsOfRepliesHaveNoValues(t *testing.T) {
	for _, body := range []string{
		`secret`, `{"ack":["secret"`, `<b>secret</b>`, `"secret"`, `["secret"]`,
		`{"emit":"secret"}`, `{"ack":"secret"}`, `{"join":{"a":"secret"}}`, `{"join":[["secret"]]}`, `{"data":"secret"}`,
		`{"sockets":[{"in":["a"],"disconnect":"secret"}]}`, `{"disconnect":"secret"}`, `{"error":"secret"}`,
	} {
		if _, err := parseReply([]byte(body)); err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", body, err)
		}
	}
	w := &response{status: 403}
	w.body.WriteString(`{"error":{"message":"secret"}}`)
	_, err := w.readReply()
	forClient, ok := errors.AsType[*hub.ClientError](err)
	if !ok || forClient.Message != "secret" || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, and for the client %v", err, forClient)
	}
}
