package reach

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestMaySetUser(t *testing.T) {
	for _, c := range []struct {
		name, server string
		want         bool
	}{
		{"no routes", `{}`, false},
		{"known handlers", `{"routes": [{"match": [{"host": ["a"], "not": [{"path": ["/b"]}]}], "handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "vars"}, {"handler": "socketio"}]}]}]}]}`, false},
		{"authentication in front", `{"routes": [{"handle": [{"handler": "authentication"}, {"handler": "socketio"}]}]}`, true},
		{"in a subroute", `{"routes": [{"handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "authentication"}]}]}]}]}`, true},
		{"in a named route", `{"named_routes": {"login": {"handle": [{"handler": "authentication"}]}}, "routes": [{"handle": [{"handler": "invoke", "name": "login"}]}]}`, true},
		{"in the response of a proxy", `{"routes": [{"handle": [{"handler": "reverse_proxy", "handle_response": [{"routes": [{"handle": [{"handler": "authentication"}]}]}]}]}]}`, true},
		{"in routes for errors", `{"errors": {"routes": [{"handle": [{"handler": "authentication"}]}]}}`, true},
		{"routes for errors of a subroute", `{"routes": [{"handle": [{"handler": "subroute", "errors": {"routes": []}}]}]}`, true},
		{"a handler of another module", `{"routes": [{"handle": [{"handler": "other"}]}]}`, true},
		{"a map may name any placeholder", `{"routes": [{"handle": [{"handler": "map"}]}]}`, true},
		{"a matcher of another module", `{"routes": [{"match": [{"not": [{"other": {}}]}]}]}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var server caddyhttp.Server
			if err := json.Unmarshal([]byte(c.server), &server); err != nil {
				t.Fatal(err)
			}
			if got := MaySetUser(&server); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
