package redact

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSecretsAreKnownByTheirNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "cookie": true, "X-Api-Key": true, "access_token": true, "sid": true,
		"Proxy-Authorization": true, "password": true, "code": true, "PHPSESSION": true, "x-csrf-token": true,
		"user-agent": false, "origin": false, "EIO": false, "room": false, "t": false, "keyboard": false,
	} {
		if isHandshakeSecret(name) != want {
			t.Errorf("%s in a handshake: got %t", name, !want)
		}
	}
	for name, want := range map[string]bool{"authToken": true, "pass_phrase": true, "pid": true, "author": false, "session": false, "code": false} {
		if IsSecret(name) != want {
			t.Errorf("%s in an event: got %t", name, !want)
		}
	}
}

func TestURLHidesSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"/socket.io/": "/socket.io/",
		"/socket.io/?EIO=4&token=abc&transport=polling": "/socket.io/?EIO=4&token=(hidden)&transport=polling",
		"/socket.io/?%74oken=abc":                       "/socket.io/?%74oken=(hidden)",
		"/socket.io/?%zz=abc":                           "/socket.io/?(hidden)",
		"/socket.io/?token":                             "/socket.io/?token",
		"/" + strings.Repeat("é", 600):                  "/" + strings.Repeat("é", 499) + "...",
	} {
		if got := URL(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestValuesHideSecrets(t *testing.T) {
	got := Values(map[string]string{"cookie": "a=b", "referer": "https://example.com/a?token=b", "origin": "https://example.com"})
	if got["cookie"] != Hidden || got["referer"] != "https://example.com/a" || got["origin"] != "https://example.com" {
		t.Errorf("got %v", got)
	}
}

func TestAuthHidesAllValues(t *testing.T) {
	for auth, want := range map[string]string{
		`{"token":"abc","n":1}`: `{"n":"(hidden)","token":"(hidden)"}`,
		`{}`:                    `{}`,
		`"abc"`:                 `"(hidden)"`,
		``:                      `"(hidden)"`,
	} {
		if got := string(Auth(json.RawMessage(auth))); got != want {
			t.Errorf("%s: got %s, want %s", auth, got, want)
		}
	}
}

func TestCutBoundsTextWithItsEscapes(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"lobby", "lobby"},
		{strings.Repeat("\x01", 500), strings.Repeat("\x01", 10) + "..."},
		{strings.Repeat("é", 500), strings.Repeat("é", 32) + "..."},
		{strings.Repeat("\"", 500), strings.Repeat("\"", 32) + "..."},
		{strings.Repeat("\xff", 500), strings.Repeat("\xff", 10) + "..."},
	} {
		if got := Cut(test.text, 64); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
