package hub

import (
	"fmt"
	"strings"
	"testing"
)

// parseRouteConfigs parses routes, each as "listeners hosts place fingerprint", the first
// two with commas. A dash is an empty list.
func parseRouteConfigs(t *testing.T, text string) []RouteConfig {
	var configs []RouteConfig
	for entry := range strings.SplitSeq(text, ";") {
		fields := strings.Fields(entry)
		if len(fields) != 4 {
			t.Fatalf("%q: expected four fields", entry)
		}
		list := func(field string) []string {
			if field == "-" {
				return nil
			}
			return strings.Split(field, ",")
		}
		c := DefaultRoute()
		c.RouteIdentity = RouteIdentity{Listeners: list(fields[0]), Hosts: list(fields[1]), Place: fields[2], Fingerprint: fields[3]}
		configs = append(configs, c)
	}
	return configs
}

func TestAdoptRoutesMatchesSitesAndPlaces(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           string // for each new route the number of the old one that it adopts, or a dash
	}{
		{"nothing changes", ":1 a / x; :1 b / x", ":1 a / x; :1 b / x", "0 1"},
		{"another order", ":1 a / x; :1 b / y; :2 - / z", ":2 - / z; :1 b / y; :1 a / x", "2 1 0"},
		{"one more before", ":2 - / x", ":1 - / y; :2 - / x", "- 0"},
		{"one more before with the same settings", ":2 - / x", ":1 - / x; :2 - / x", "- 0"},
		{"the first goes", ":1 - / x; :2 - / x", ":2 - / x", "1"},
		{"the first goes and the second changes", ":1 - / x; :2 - / y", ":2 - / z", "1"},
		{"settings change", ":1 a / x; :1 b / x", ":1 a / y; :1 b / z", "0 1"},
		{"settings are swapped", ":1 a / x; :1 b / y", ":1 a / y; :1 b / x", "0 1"},
		{"another port", ":1 - / x", ":2 - / x", "-"},
		{"another host", ":1 a / x", ":1 b / x", "-"},
		{"a host instead of any", ":1 - / x", ":1 a / x", "-"},
		{"one more host", ":1 a / x", ":1 a,b / x", "0"},
		{"one more host, other settings", ":1 a / x", ":1 a,b / y", "0"},
		{"one host less, one listener more", ":1 a,b / x", ":1,:2 b / x", "0"},
		{"a site is divided", ":1 a,b / x", ":1 b / x; :1 a / y", "0 -"},
		{"a site is divided and changes", ":1 a,b / x", ":1 b / y; :1 a / z", "- -"},
		{"sites are joined", ":1 a / x; :1 b / y", ":1 a,b / y", "1"},
		{"sites are joined and change", ":1 a / x; :1 b / y", ":1 a,b / z", "-"},
		{"the same site goes before one that shares a host", ":1 a,b / x; :1 b,c / x", ":1 b,c / x; :1 a,b / x", "1 0"},
		{"another place", ":1 a / x", ":1 a /api x", "0"},
		{"another place and settings", ":1 a / x", ":1 a /api y", "-"},
		{"one of two routes gets another place", ":1 a /s x; :1 a /p x", ":1 a /s x; :1 a /v x", "0 -"},
		{"both routes change", ":1 a /s x; :1 a /p x", ":1 a /p y; :1 a /s z", "1 0"},
		{"identical routes", ":1 a / x; :1 a / x", ":1 a / x; :1 a / x", "0 1"},
		{"one of two routes in one place", ":1 a / x; :1 a / y", ":1 a / y; :1 a / z", "1 -"},
		{"one more in the same place", ":1 a / x", ":1 a / y; :1 a / x", "- 0"},
		{"two in the place of one", ":1 a / x", ":1 a / y; :1 a / z", "- -"},
		{"no listeners, no hosts", "- - a x; - - b x", "- - b y; - - a x", "1 0"},
	} {
		var old []*Route
		for _, config := range parseRouteConfigs(t, c.old) {
			old = append(old, newRoute(config))
		}
		var got []string
		for _, r := range adoptRoutes(old, parseRouteConfigs(t, c.new)) {
			number := "-"
			for i := range old {
				if old[i] == r {
					number = fmt.Sprint(i)
				}
			}
			got = append(got, number)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
