package backend

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Caddy reads the keys of JSON in any case.
func TestPlaceValuesReadsKeysInAnyCase(t *testing.T) {
	for _, config := range []string{
		`[{"handle":[{"handler":"subroute","routes":[{"Handle":[{"handler":"rewrite","uri":"/x/{event.name}"}]}]}]}]`,
		`[{"handle":[{"handler":"subroute","Routes":[{"handle":[{"handler":"rewrite","uri":"/x/{event.name}"}]}]}]}]`,
		`[{"handle":[{"handler":"rewrite","URI":"/x/{event.name}"}]}]`,
		`[{"handle":[{"handler":"guest","path":["a",{"b":"{event.name}"}]}]}]`,
		`[{"handle":[{"handler":"guest","{event.name}":1}]}]`,
		`[{"handle":[{"handler":"invoke","Name":"named"}]}]`,
		`[{"match":[{"guest":{"a":"{event.name}"}}]}]`,
	} {
		var routes caddyhttp.RouteList
		if err := json.Unmarshal([]byte(config), &routes); err != nil {
			t.Fatal(err)
		}
		_, err := placeValues(routes, map[string]*caddyhttp.Route{"named": {}}, assigned{}, 0)
		if err == nil || !strings.Contains(err.Error(), "unexpected {event.name}") && !strings.Contains(err.Error(), "invoke") {
			t.Errorf("%s: got %v", config, err)
		}
	}
}
